# One image for every program of Trimtab and for the demo: `docker run trimtab proxy --help`.
FROM node:24-bookworm-slim
WORKDIR /trimtab
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
# What control hands to its proxies lies in a folder of its own, a volume that they share; what it hands to the collector in another.
RUN mkdir -p /data /run/trimtab /run/trimtab-collector && chown node:node /data /run/trimtab /run/trimtab-collector
USER node
VOLUME /data
ENTRYPOINT ["node", "--min-semi-space-size=8", "--v8-pool-size=1", "cli/trimtab.ts"]
CMD ["--help"]
