# One image for every program of Trimtab and for the demo: `docker run trimtab proxy --help`.
FROM node:24-bookworm-slim
WORKDIR /trimtab
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
# What control hands to its proxies lies in a folder of its own: a volume that they share.
RUN mkdir -p /data /run/trimtab && chown node:node /data /run/trimtab
USER node
VOLUME /data
ENTRYPOINT ["node", "--min-semi-space-size=8", "--v8-pool-size=1", "cli/trimtab.ts"]
CMD ["--help"]
