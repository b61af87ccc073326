/**
 * Loads what the programs load when they start, so that an image carries it compiled and without types: with NODE_COMPILE_CACHE naming a
 * folder, Node leaves it there when this ends. Whoever starts a program must run Node with the same flags.
 */
await Promise.all([
  import('../proxy/main.ts'),
  import('../proxy/proxy.ts'),
  import('../collector/main.ts'),
  import('../collector/collector.ts'),
  import('../control/main.ts'),
  import('../control/control.ts'),
])
