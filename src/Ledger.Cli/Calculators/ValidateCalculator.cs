using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>validate</c> with one of <c>intervals</c>, <c>readings</c> or <c>transactions</c> → <c>{verdict, findings}</c>:
/// what the rules of validation see in meter data, each finding with its rule in words and the source of the rule.
/// </summary>
static class ValidateCalculator
{
    const int rowsMax = 100_000;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("intervals", "resolutionMinutes", "covers", "readings", "transactions", "register",
            "pmaxKw", "sentFactor", "clockOffsetSeconds", "thresholds");
        var limits = asked.Optional("thresholds") is { } given ? Thresholds(given) : MeterThresholds.Default;
        string[] kinds = [.. asked.Members.Keys.Intersect(["intervals", "readings", "transactions"])];
        if (kinds.Length != 1)
            throw new InputRefusedException(kinds.Length == 0 ? Rejection.MissingField : Rejection.UnknownField,
                kinds.Length == 0 ? "intervals" : kinds[1], "",
                "one of intervals, readings and transactions is needed");
        var findings = kinds[0] switch
        {
            "intervals" => Intervals(asked, limits),
            "readings" => Readings(asked, limits),
            _ => Transactions(asked, limits),
        };
        var worst = findings.Select(finding => finding.Severity).DefaultIfEmpty(FindingSeverity.Note).Max();
        return new JsonObject
        {
            ["verdict"] = worst switch
            {
                FindingSeverity.Refuse => "refused",
                FindingSeverity.Suspect => "suspect",
                _ => "accepted",
            },
            ["findings"] = new JsonArray([.. findings.Select(finding => (JsonNode)Answer(finding))]),
        };
    }

    static IReadOnlyList<MeterFinding> Intervals(InputObject asked, MeterThresholds limits)
    {
        var rows = Rows(asked.Required("intervals"));
        var intervals = rows.ConvertAll(row =>
        {
            var interval = row.Object("start", "end", "kwh", "quality");
            var quality = interval.Optional("quality") is { } named
                ? MeterInput.Quality(named) : ReadingQuality.Measured;
            var energy = quality == ReadingQuality.Missing && interval.Optional("kwh") is null
                ? Energy.Zero : interval.Required("kwh").KilowattHours();
            return new SentInterval(MeterInput.Period(interval), energy, quality);
        });
        Interval? covers = asked.Optional("covers") is { } time ? MeterInput.Period(time.Object("start", "end")) : null;
        (Energy Counted, Energy Step)? register =
            asked.Optional("register") is { } readings ? MeterInput.Counted(readings) : null;
        return IntervalValidation.Of(new IntervalSeries(intervals,
            MeterInput.Minutes(asked.Required("resolutionMinutes")),
            covers, Power(asked), register?.Counted, register?.Step, Offset(asked)), limits);
    }

    static IReadOnlyList<MeterFinding> Readings(InputObject asked, MeterThresholds limits)
    {
        var installed = Installed(asked);
        return ReadingValidation.Of(installed, Rows(asked.Required("readings")).ConvertAll(row =>
        {
            var reading = row.Object("at", "kwh");
            return new KnownReading(MeterInput.At(reading.Required("at")),
                MeterInput.Index(installed, reading.Required("kwh"), negative: true));
        }), Context(asked), limits);
    }

    static IReadOnlyList<MeterFinding> Transactions(InputObject asked, MeterThresholds limits)
    {
        var installed = Installed(asked);
        return ReadingValidation.OfTransactions(installed, Rows(asked.Required("transactions")).ConvertAll(row =>
        {
            var transaction = row.Object("id", "start", "end", "beginKwh", "endKwh");
            return new MeteredTransaction(transaction.Required("id").Text(), MeterInput.Period(transaction),
                MeterInput.Index(installed, transaction.Required("beginKwh")),
                MeterInput.Index(installed, transaction.Required("endKwh")));
        }), Context(asked), limits);
    }

    static RegisterInstalled Installed(InputObject asked) =>
        MeterInput.Register(asked.Required("register").Object("digits", "decimals", "factor", "modulusKwh"));

    static ReadingContext Context(InputObject asked) =>
        new(Power(asked), asked.Optional("sentFactor")?.Integer(1, 1_000_000), Offset(asked));

    static Power? Power(InputObject asked) =>
        asked.Optional("pmaxKw") is { } power ? MeterInput.Kilowatts(power) : null;

    static Duration? Offset(InputObject asked) =>
        asked.Optional("clockOffsetSeconds") is { } offset ? MeterInput.Seconds(offset) : null;

    static MeterThresholds Thresholds(InputValue input)
    {
        var asked = input.Object("spikePercent", "sumToleranceKwh", "estimatedMaxMinutes", "clockOffsetMaxSeconds",
            "highKwh", "lowKwh", "scaleJumpRatio");
        var standard = MeterThresholds.Default;
        return new MeterThresholds(
            asked.Optional("spikePercent")?.Integer(0, 1_000_000) ?? standard.SpikePercent,
            asked.Optional("sumToleranceKwh") is { } sum ? sum.KilowattHours() : standard.SumTolerance,
            asked.Optional("estimatedMaxMinutes") is { } run ? MeterInput.Minutes(run) : standard.EstimatedMax,
            asked.Optional("clockOffsetMaxSeconds") is { } offset
                ? MeterInput.Seconds(offset) : standard.ClockOffsetMax,
            asked.Optional("highKwh") is { } high ? high.KilowattHours() : standard.High,
            asked.Optional("lowKwh") is { } low ? low.KilowattHours() : standard.Low,
            asked.Optional("scaleJumpRatio")?.Integer(2, 1_000_000) ?? standard.ScaleJumpRatio);
    }

    static List<InputValue> Rows(InputValue input) => input.Array() is { Count: > 0 and <= rowsMax } rows
        ? rows
        : throw new InputRefusedException(Rejection.WrongCount, input.Path, "", $"1 to {rowsMax} rows");

    static JsonObject Answer(MeterFinding finding)
    {
        var rule = MeterRules.Of(finding.Rule);
        return new JsonObject
        {
            ["code"] = finding.Rule.ToString(),
            ["severity"] = rule.Severity.ToString().ToLowerInvariant(),
            ["from"] = InstantPattern.ExtendedIso.Format(finding.At.Start),
            ["to"] = InstantPattern.ExtendedIso.Format(finding.At.End),
            ["saw"] = finding.Saw,
            ["rule"] = rule.Rule,
            ["source"] = rule.Source,
        };
    }
}
