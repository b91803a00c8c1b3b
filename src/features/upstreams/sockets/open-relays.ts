import { CLOSE_CODES } from '../../../contract/close-codes.js'
import { AccessRechecker, type AuthorisedConnection } from '../../../kernel/authz/access-rechecker.js'
import type { AccessRules, Standing } from '../../../kernel/authz/access-rules.js'
import type { ClientLocation, Credential } from '../../../kernel/authz/caller.js'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import type { JobLog } from '../../../kernel/jobs/schedule.js'
import type { Problem } from '../../../kernel/problems/problems.js'
import { closeCodeOf, closeForRestart } from '../../../kernel/sockets/close.js'
import type { Bus } from '../../../kernel/store/bus.js'
import type { Clock } from '../../../kernel/time/clock.js'
import type { DeclaredSocket } from '../manifest/manifest.js'
import type { Relay } from './relay.js'

export interface RelayParts {
  readonly relay: Relay
  readonly credential: Credential
  readonly location: ClientLocation
  /** The route in the current manifest; undefined when the manifest no longer has it. */
  readonly declared: () => DeclaredSocket | undefined
}

/** A relay whose caller must keep the access that the route requires. */
class OpenRelay implements AuthorisedConnection {
  readonly credential: Credential
  readonly location: ClientLocation
  readonly conversation_id = undefined
  standing: Standing | undefined
  scopes: readonly string[] = []

  constructor(private readonly parts: RelayParts) {
    this.credential = parts.credential
    this.location = parts.location
  }

  /** Takes the scopes from the current manifest. Closes the relay if its route is gone. */
  onManifestChanged(): void {
    const declared = this.parts.declared()
    if (declared === undefined) this.parts.relay.close(CLOSE_CODES.service_restart, 'the upstream changed')
    else this.scopes = declared.access.scopes
  }

  end({ problem }: { readonly problem: Problem }): void {
    this.parts.relay.close(closeCodeOf(problem), problem.code)
  }

  /** Closes the relay because the process stops. @returns when both sides are closed */
  async closeForRestart(): Promise<void> {
    closeForRestart(this.parts.relay)
    await this.parts.relay.ended
  }
}

export interface OpenRelaysParts {
  readonly facts: FactsReader
  readonly rules: AccessRules
  readonly bus: Bus
  readonly clock: Clock
  readonly log: JobLog
}

/** The open relays of this process. A relay closes when its caller loses access, and when the process stops. */
export class OpenRelays {
  private readonly relays = new Set<OpenRelay>()
  private readonly rechecker: AccessRechecker<OpenRelay>

  constructor(parts: OpenRelaysParts) {
    this.rechecker = new AccessRechecker(parts)
  }

  /** The manifest may have changed while the gateway connected to the upstream, so the route is looked up again. */
  add(parts: RelayParts): void {
    const relay = new OpenRelay(parts)
    relay.onManifestChanged()
    this.relays.add(relay)
    this.rechecker.add(relay)
    void parts.relay.ended.then(() => {
      this.relays.delete(relay)
      this.rechecker.remove(relay)
    })
  }

  /** Applies a new manifest to every relay. */
  onManifestChanged(): void {
    for (const relay of this.relays) {
      relay.onManifestChanged()
      this.rechecker.recheck(relay)
    }
  }

  /** Closes all relays. Resolves when both sides of each are closed. */
  async close(): Promise<void> {
    this.rechecker.close()
    await Promise.all([...this.relays].map((relay) => relay.closeForRestart()))
  }
}
