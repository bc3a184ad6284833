using System.Globalization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal.Verification;

/// <summary>
/// What bounds the time at which events say they were recorded. Who writes a journal chooses it; but an event that a
/// witness has seen was there by then, and one that is read now was recorded before now. Clocks may differ by
/// <see cref="Limits.ClockSkewMs"/>; a witness says its time in whole seconds. Since the times of a journal never fall,
/// the last one says it for all before.
/// </summary>
internal static class RecordingTimes
{
    private static readonly Duration Skew = Duration.FromMilliseconds(Limits.ClockSkewMs);

    /// <summary>Of the events under a checkpoint, the last of which was recorded at an instant.</summary>
    public static void VerifyWitnessed(RootClaim claim, Instant recordedAt, Findings findings)
    {
        foreach (var (witness, seconds) in claim.Signers?.Witnesses ?? [])
            if (Instant.FromUnixTimeSeconds(seconds) is var seen
                && recordedAt > seen + Duration.FromSeconds(1) + Skew)
                findings.Add(claim.Place, string.Create(CultureInfo.InvariantCulture,
                    $"event {claim.Length - 1} recorded at {Text(recordedAt)}"),
                    $"no later than {Text(seen)}, when {witness.Name} vouched for it");
    }

    /// <summary>Of all events; <paramref name="now"/> is asked after they were read.</summary>
    public static void VerifyPast(long events, Instant recordedAt, IClock? now, Findings findings)
    {
        if (events > 0 && now?.GetCurrentInstant() is { } at && recordedAt > at + Skew)
            findings.Add(string.Create(CultureInfo.InvariantCulture, $"position {events - 1}"),
                $"recorded at {Text(recordedAt)}", $"no later than {Text(at)}, now");
    }

    private static string Text(Instant at) => InstantPattern.ExtendedIso.Format(at);
}
