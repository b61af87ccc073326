# One image for every program of Trimtab and for the demo: `docker run trimtab proxy --help`.
FROM node:24-bookworm-slim
WORKDIR /trimtab
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
# What control hands to its proxies lies in a folder of its own, a volume that they share; what it hands to the collector in another.
RUN mkdir -p /data /run/trimtab /run/trimtab-collector .compiled && chown node:node /data /run/trimtab /run/trimtab-collector .compiled
USER node
# What Node would strip of its types and compile at every start of a container. Each user has a cache of their own, so after USER.
ENV NODE_COMPILE_CACHE=/trimtab/.compiled
RUN node --min-semi-space-size=8 --v8-pool-size=1 scripts/compile-ahead.ts && node --min-semi-space-size=8 --v8-pool-size=1 cli/trimtab.js proxy --help > /dev/null
VOLUME /data
ENTRYPOINT ["node", "--min-semi-space-size=8", "--v8-pool-size=1", "cli/trimtab.js"]
CMD ["--help"]
