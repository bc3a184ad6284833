namespace Ledger.Domain;

/// <summary>
/// Why samples are missing over a gap, as far as something recorded says so. Numbers are part of layouts and never
/// change. Where several causes meet a gap, the one that stands first here is named: what a sender says itself, then
/// what its numbering proves, then what only coincides.
/// </summary>
public enum GapCause
{
    /// <summary>The sender dropped samples and said so, or the ledger gave them up on record.</summary>
    PendingDrop = 1,
    /// <summary>A sequence number is missing: a frame was sent and did not arrive.</summary>
    Lost = 2,
    /// <summary>The connection was interrupted.</summary>
    Reconnect = 3,
    /// <summary>The sender's clock jumped or was not set.</summary>
    Clock = 4,
    /// <summary>Nothing is missing by number: the sender had nothing to say.</summary>
    Silent = 5,
}
