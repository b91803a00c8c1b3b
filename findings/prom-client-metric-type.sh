#!/usr/bin/env bash
# prom-client 15.1.3: its type declarations export a value, `enum MetricType { Counter, Gauge, Histogram, Summary }`, that the
# package does not have. Code that uses `MetricType.Histogram` passes the type checker. As an ES module it then ends at its
# import with a SyntaxError, and as CommonJS it throws a TypeError when it runs. What a metric carries in fact is a lower-case
# text, `histogram`, and not the number that the declaration says.
# Who is bitten: whoever writes a metric of their own for a Registry, which asks each metric for its `type`, or compares the
# `type` of `getMetricsAsJSON()`, and finds out only after the build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3 typescript@5.9.3 @types/node@20.19.0 >/dev/null
cat >probe.mts <<'TS'
import { Counter, MetricType, register } from 'prom-client'
new Counter({ name: 'a_total', help: 'a' })
const [metric] = await register.getMetricsAsJSON()
console.log(metric?.type === MetricType.Counter)
TS
npx tsc --module nodenext --target es2023 --strict --skipLibCheck --types node probe.mts && echo 'the types are right' >out
(node probe.mjs 2>&1 || true) | grep -o "does not provide an export named 'MetricType'\|Named export 'MetricType' not found" | head -n 1 >>out
node --input-type=module -e "
  import client from 'prom-client'
  new client.Counter({ name: 'a_total', help: 'a' })
  const [metric] = await client.register.getMetricsAsJSON()
  console.log(typeof client.MetricType, JSON.stringify(metric.type))" >>out
cat out
diff out - <<'END'
the types are right
Named export 'MetricType' not found
undefined "counter"
END
