import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'

/** What the gateway is measured against: the plugin as it comes, with no check of anything. */
const app = fastify()
app.register(httpProxy, { upstream: process.env.ORIGIN as string })
process.once('SIGTERM', () => void app.close())
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
