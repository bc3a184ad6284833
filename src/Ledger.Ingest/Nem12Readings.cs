using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// From NEM12 channels to interval readings. Times are eastern standard time, UTC+10, all year; E is energy out of the
/// market to the customer (import), B into the market (export). The channels of one NMI with one ordinal (E1, B1) are
/// the two directions of one settlement point, <c>NMI:1</c>.
/// </summary>
public static class Nem12Readings
{
    private static readonly Offset EasternStandardTime = Offset.FromHours(10);

    /// <summary>Why a channel makes no interval readings, or null where it does.</summary>
    public static string? KeptOnly(Nem12Channel channel)
    {
        var name = $"{channel.Nmi} {channel.Suffix}";
        if (WattHoursPerUnit(channel.Unit) is null)
            return $"{name}: unit {IntakeText.Quote(channel.Unit)} is not active energy; kept as evidence";
        if (channel.Suffix[0] is not ('E' or 'B')) return $"{name}: a suffix that is neither E nor B; kept as evidence";
        return channel.IntervalMinutes is 5 or 15 or 30 ? null
            : $"{name}: {channel.IntervalMinutes} minutes is no interval of NEM12; kept as evidence";
    }

    /// <summary>The settlement point whose direction a channel is, by its name.</summary>
    public static string PointOf(string nmi, string suffix) => $"{nmi}:{suffix[1..]}";

    /// <summary>The readings of a channel for which <see cref="KeptOnly"/> says nothing, in order of time; none where
    /// its point can have no such name, as only evidence of before has it.</summary>
    public static IEnumerable<IntervalReadingRecorded> Of(Nem12Channel channel, EvidenceDigest? evidence)
    {
        var unit = WattHoursPerUnit(channel.Unit) ?? throw new ArgumentException("no active energy", nameof(channel));
        if (!SettlementPointId.TryParse(PointOf(channel.Nmi, channel.Suffix), out var point)) yield break;
        var register = new RegisterId(point, channel.Suffix[0] == 'E' ? Direction.Import : Direction.Export);
        var length = Duration.FromMinutes(channel.IntervalMinutes);
        foreach (var day in channel.Days)
        {
            var start = day.Date.AtMidnight().WithOffset(EasternStandardTime).ToInstant();
            for (var i = 0; i < day.Values.Count; i++)
            {
                // At most 9 decimals of a Wh, and 1 Wh is 7.2·10¹² units: always a whole number of them.
                var nanoWattHours = (Int128)(day.Values[i] * 1_000_000_000m) * unit;
                var energy = new Energy(nanoWattHours * (Energy.HalfNanojoulesPerWattHour / 1_000_000_000));
                yield return new IntervalReadingRecorded(
                    register, new Interval(start + length * i, start + length * (i + 1)), energy,
                    QualityOf(day.Qualities[i]), day.Qualities[i], evidence);
            }
        }
    }

    /// <summary>AEMO's quality flag in this ledger's words.</summary>
    public static ReadingQuality QualityOf(string quality) => quality[0] switch
    {
        'A' => ReadingQuality.Measured,
        'E' => ReadingQuality.Estimated,
        'F' or 'S' => ReadingQuality.Substituted,
        _ => ReadingQuality.Missing,
    };

    private static int? WattHoursPerUnit(string unit) => unit.ToUpperInvariant() switch
    {
        "WH" => 1,
        "KWH" => 1000,
        _ => null,
    };
}
