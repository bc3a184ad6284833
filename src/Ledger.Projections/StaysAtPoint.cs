using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>The stays at a connector, read as far back and forth as somebody asks who stood there.</summary>
internal sealed class StaysAtPoint(Answers answers, SettlementPointId point)
{
    private IReadOnlyList<ChargingSession> stays = [];
    private Interval? read;

    /// <summary>All stays that touch a time, and maybe others.</summary>
    public IReadOnlyList<ChargingSession> Around(Instant from, Instant until)
    {
        // Whoever stands there came at most as long before as a stay may last.
        from -= Duration.FromDays(SessionRequests.StayDaysMax);
        if (read is { } known)
        {
            if (known.Start <= from && known.End >= until) return stays;
            (from, until) = (Instant.Min(known.Start, from), Instant.Max(known.End, until));
        }
        read = new(from, until);
        return stays = ChargingSessions.Of(point, answers.ChargingStates(point, read.Value));
    }

    /// <summary>Whether nobody but the vehicle of a stay stood there from an instant until another.</summary>
    public bool IsAlone(ChargingSession stay, Instant from, Instant until)
    {
        var (back, forth) = (Instant.Max(from, stay.Start), Instant.Min(until, stay.End));
        // A register may be read long before or after, and mostly somebody came soon: so in growing steps.
        for (var step = Duration.FromDays(1); ; step *= 2)
        {
            if (Around(back, forth).Any(other =>
                other.Start < until && other.End > from && other.Start != stay.Start)) return false;
            if (back == from && forth == until) return true;
            (back, forth) = (Instant.Max(from, back - step), Instant.Min(until, forth + step));
        }
    }
}
