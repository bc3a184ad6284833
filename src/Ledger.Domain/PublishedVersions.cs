using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A version that is sent again is known by what it says and by when it begins, which its fact has beside its content.
/// A beginning that was a mistake is set right by the next version, from the right instant on.
/// </summary>
internal static class PublishedVersions
{
    /// <param name="saysTheSame">Whether what is sent has the content of the version that stands.</param>
    /// <param name="stands">From when on that one holds.</param>
    /// <param name="sent">From when on the one that is sent would.</param>
    public static Decision Again(int version, bool saysTheSame, Instant stands, Instant sent) =>
        !saysTheSame ? new Decision.Rejected(Rejection.AlreadyRegistered, $"version {version} is published and differs")
        : stands != sent ? new Decision.Rejected(Rejection.AlreadyRegistered,
            $"version {version} is published from {stands} on, and not from {sent} on")
        : new Decision.AlreadyRecorded();
}
