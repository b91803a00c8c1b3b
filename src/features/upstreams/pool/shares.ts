/** How many requests each tenant has under way, and the most that it may have. */
export class Shares {
  private readonly under_way = new Map<string, number>()

  constructor(private readonly each_max: number) {}

  /** Whether the tenant may have one more; then it has. */
  enter(tenant_id: string): boolean {
    const count = this.under_way.get(tenant_id) ?? 0
    if (count >= this.each_max) return false
    this.under_way.set(tenant_id, count + 1)
    return true
  }

  /** One of them is over. */
  leave(tenant_id: string): void {
    const count = (this.under_way.get(tenant_id) ?? 0) - 1
    if (count > 0) this.under_way.set(tenant_id, count)
    else this.under_way.delete(tenant_id)
  }
}
