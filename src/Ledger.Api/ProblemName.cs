namespace Ledger.Api;

/// <summary>
/// What a problem is called that is no refusal of a fact. The names are part of the interface, as the names of
/// <see cref="Domain.Rejection"/> are: a program may ask for them, and the document lists both.
/// </summary>
internal enum ProblemName
{
    /// <summary>As much is under way as can be; the same request may be sent again.</summary>
    Busy = 1,
    /// <summary>The request with this idempotency key is under way.</summary>
    InFlight,
    /// <summary>The address, the method or the media type is not known.</summary>
    NoResource,
    /// <summary>A body came too slowly.</summary>
    TooSlow,
    /// <summary>Nobody who is known brought the request.</summary>
    NotKnown,
    /// <summary>The views or the streams are not ready.</summary>
    NotReady,
    /// <summary>More was refused of a party than is kept of it.</summary>
    RefusedTooMuch,
    /// <summary>The disk has too little left to keep what is refused.</summary>
    StorageLow,
    JournalFaulted,
    FrameLogStopped,
    EvidenceStopped,
    ViewsStopped,
    StorageFailed,
    /// <summary>The issuer of a token cannot be asked for its keys.</summary>
    IssuerAway,
    WebhookEnded,
    NoDelivery,
    JobOver,
    /// <summary>The log has published nothing of that name yet.</summary>
    NotPublished,
    /// <summary>A fault of the program.</summary>
    Unexpected,
}
