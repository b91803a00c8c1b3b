import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'

/** The proxy plugin of Fastify with its defaults and without checks. The gateway is compared with it. */
const app = fastify()
app.register(httpProxy, { upstream: process.env.ORIGIN as string })
process.once('SIGTERM', () => void app.close())
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
