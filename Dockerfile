# Narrowgate on one machine (docs/guides/serve.md). Made of the packed file: `npm run pack`, then `docker build -t narrowgate .`
# workerd needs glibc: an image of Alpine will not do.
FROM node:24-slim

WORKDIR /app
COPY build/narrowgate-*.tgz narrowgate.tgz
RUN npm init --yes > /dev/null && npm install --no-audit --no-fund ./narrowgate.tgz
# The one version whose objects on disk this release was tested with.
RUN npm install --no-audit --no-fund "workerd@$(node -p 'require("narrowgate/package.json").peerDependencies.workerd.slice(1)')"

# The user `node` of the base, by its number: Kubernetes (`runAsNonRoot`) accepts no name.
RUN mkdir -p /data && chown 1000:1000 /data
USER 1000:1000

ENV NODE_ENV=production NARROWGATE_DIRECTORY=/data NARROWGATE_LISTEN=*:8787
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["node", "-e", "fetch('http://127.0.0.1:8787/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node_modules/.bin/narrowgate", "serve"]
