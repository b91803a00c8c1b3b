/** Returns the value, or undefined when it fails or takes longer than `ms_max`. The work itself goes on. */
export async function inTime<T>(value: Promise<T>, ms_max: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms_max)
  })
  return Promise.race([value.catch(() => undefined), timeout]).finally(() => clearTimeout(timer))
}
