/**
 * How Node is to run a program of ours; the command's first line and the image say the same. Node's own choice for memory shrinks the young
 * generation while nobody asks anything, and what comes afterwards is taken for old before its time: with the next requests comes a
 * collection of everything, on as many threads as the machine has cores, which take the program's core from it. Measured at 4,000
 * requests/s of HTTP/2 (bench/http2-latency.ts): p99 4.7 ms without these, 2.1 with them, at 0.9 of the CPU and the same memory.
 */
export const nodeFlags: readonly string[] = [
  // Each half of the young generation, in MiB.
  '--min-semi-space-size=8',
  // Threads that V8 may have beside the program's own.
  '--v8-pool-size=1',
]
