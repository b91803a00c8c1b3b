/** A stop ends within this time, before a supervisor sends SIGKILL after 10 s. */
export const STOP_MS_MAX = 9_500
