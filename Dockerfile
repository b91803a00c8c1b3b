FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.test.json ./
COPY src ./src
COPY scripts ./scripts
# The same compilation that the tests run on: sources and commands side by side.
RUN node node_modules/typescript7/bin/tsc -p tsconfig.test.json

FROM node:24-slim
ENV NODE_ENV=production DATA_DIR=/data/gatehouse
WORKDIR /app
RUN install -d -o node -g node /data
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY --from=build /build/.build/src ./src
COPY src/features/upstreams/manifest/manifest.schema.json ./src/features/upstreams/manifest/
COPY --from=build /build/.build/scripts/*.js ./scripts/
COPY migrations ./migrations
USER node
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8000}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "src/main.js"]
