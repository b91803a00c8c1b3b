/** The longest text that one replica sends to the others. A notification of PostgreSQL holds a few more. */
export const ANNOUNCEMENT_CHARACTERS_MAX = 1_000

/** Texts that replicas send to each other. A text can be lost, or arrive twice, so it must only save time. */
export interface Announcements {
  /**
   * Sends a text to the other replicas, without waiting.
   *
   * @param text at most ANNOUNCEMENT_CHARACTERS_MAX characters; a longer one is not sent
   */
  announce(text: string): void
  /** Adds a listener for the texts of other replicas. @returns a function that removes it */
  onAnnounced(listener: (text: string) => void): () => void
  /** Adds a listener that is told when texts may have been lost. @returns a function that removes it */
  onGap(listener: () => void): () => void
}
