using System.Globalization;
using System.Text.Json.Serialization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>What is shown of a curve: all of its rows are samples, or all of them stretches.</summary>
[JsonDerivedType(typeof(CurveSample))]
[JsonDerivedType(typeof(CurveStretch))]
public abstract record CurveRow;

/// <summary>A sample as it was sent; positive where it imports.</summary>
public sealed record CurveSample(Instant At, decimal Kw) : CurveRow;

/// <summary>Samples of a stretch: how many, the least, their mean (not weighted by time), the greatest.</summary>
public sealed record CurveStretch(
    Instant Start, Instant End, int Samples, decimal LeastKw, decimal MeanKw, decimal MostKw) : CurveRow;

/// <summary>A period whose samples are not shown, and why.</summary>
public sealed record CurveWithheld(Instant Start, Instant End, string Why);

/// <summary>The curve of a window.</summary>
/// <param name="Whole">Whether every sample is shown.</param>
/// <param name="Total">How many samples the window has.</param>
public sealed record CurveAnswer(
    string Point, Instant Start, Instant End, long? AsOf, bool Whole, int Total, IReadOnlyList<CurveRow> Samples,
    IReadOnlyList<CurveWithheld> Withheld);

/// <summary>
/// The power curve of a settlement point, from the evidence of its interval records: every sample where they are few,
/// and stretches with least, mean and most where they are many, so that no peak is lost and none is made up. A stretch
/// without a sample is left out: a gap is a gap.
/// </summary>
internal static class CurveReads
{
    private const int PointsDefault = 1_000, PointsMax = 4_000;
    private static readonly Duration LongestAsked = Duration.FromHours(25); // the longest local day

    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/curves", async (HttpContext context) =>
        {
            var request = context.Request;
            var point = Asking.Required<SettlementPointId>(request, "point", SettlementPointId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var window = Window(request);
            var most = (int)(Asking.Optional<long>(request, "points", (string? text, out long count) =>
                Asking.TryCount(text, out count) && count is >= 1 and <= PointsMax, Rejection.OutOfRange,
                $"a number from 1 to {PointsMax}") ?? PointsDefault);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            if (!answers.Reaches(point) || answers.Points().All(row => row.Point != point.Value))
                throw new NotThereException($"there is no settlement point {point}, or it is not yours");
            var shape = new ShownCurve(window, most);
            var (withheld, tooMany) = await ReadAsync(ledger, point, window, position, shape, context.RequestAborted)
                .ConfigureAwait(false);
            if (tooMany is not null) throw new ProblemException(422, Rejection.TooLarge, tooMany);
            return Answering.Read(new CurveAnswer(point.Value, window.Start, window.End, position, shape.IsWhole,
                shape.Total, shape.Rows, withheld), position);
        }).Reads("curve", "The power curve of a settlement point: every sample, or least, mean and most of stretches.",
            "point", "start", "end (at most 25 hours after start)", $"points? (at most so many rows; {PointsDefault})")
            .Refuses(404, 422);

    /// <summary>Samples that one request may read: 25 hours at 20 Hz.</summary>
    private const int SamplesMax = 2_000_000;

    private static Interval Window(HttpRequest request)
    {
        var start = Asking.Required<Instant>(request, "start", FactInstant, Rejection.InvalidTime, FactValues.InstantRule);
        var end = Asking.Required<Instant>(request, "end", FactInstant, Rejection.InvalidTime, FactValues.InstantRule);
        return end > start && end - start <= LongestAsked ? new Interval(start, end)
            : throw new QueryRefusedException(Rejection.IntervalEmpty, "end must be after start, at most 25 hours");
    }

    private static bool FactInstant(string? text, out Instant at) => FactValues.TryInstant(text ?? "", out at);

    /// <summary>Folds each record's samples as they are read; or says why they are too many.</summary>
    private static async Task<(List<CurveWithheld> Withheld, string? TooMany)> ReadAsync(OpenLedger ledger,
        SettlementPointId point, Interval window, long? position, ShownCurve shape, CancellationToken ct)
    {
        var latest = await CurveRecords.LatestAsync(ledger.Journal, point, window, position, ct).ConfigureAwait(false);
        // A record says how many samples it has, so nothing is read of what would be too much.
        var left = SamplesMax;
        var all = latest.Sum(record => (long)record.Samples + record.DuplicateSamples);
        if (all > left) return ([], TooMany(all));
        var (reading, withheld) = (ledger.Samples(), new List<CurveWithheld>());
        foreach (var record in latest)
        {
            ct.ThrowIfCancellationRequested();
            try
            {
                var (found, why) = reading.Of(record, left, ct);
                if (why is not null) withheld.Add(new(record.Period.Start, record.Period.End, why));
                left -= found.Length;
                shape.Add(found);
            }
            catch (TooManySamplesException)
            {
                return ([], TooMany(SamplesMax + 1L));
            }
        }
        return (withheld, null);
    }

    private static string TooMany(long samples) => string.Create(CultureInfo.InvariantCulture,
        $"the window has {samples} samples or more, and at most {SamplesMax} are read: end must be sooner after start");
}
