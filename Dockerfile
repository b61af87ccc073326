# One image for every program of Trimtab and for the demo: `docker run trimtab proxy --help`.
FROM node:24-bookworm-slim
WORKDIR /trimtab
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
RUN mkdir -p /data && chown node:node /data
USER node
VOLUME /data
ENTRYPOINT ["node", "cli/trimtab.ts"]
CMD ["--help"]
