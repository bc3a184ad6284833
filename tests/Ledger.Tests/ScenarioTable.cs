using System.Globalization;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Text tables of rules, one line a case, cells parted by '|';
/// a line that begins with '#' is a comment.</summary>
internal static class ScenarioTable
{
    private static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "Scenarios", file);

    /// <summary>Every table there is.</summary>
    public static IEnumerable<string> Tables() =>
        Directory.EnumerateFiles(PathOf("")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    public static IEnumerable<TheoryDataRow<string, int, string>> Lines(params string[] files) =>
        from file in files
        from line in File.ReadAllLines(PathOf(file)).Select((text, i) => (text, number: i + 1))
        where line.text.Length > 0 && line.text[0] != '#'
        select new TheoryDataRow<string, int, string>(file, line.number, line.text);

    /// <summary>The answers of the first lines of a table, down to the next comment or empty line:
    /// there the refusals stand in order.</summary>
    public static IReadOnlyList<string> FirstAnswers(string file) =>
        [.. File.ReadAllLines(PathOf(file)).SkipWhile(line => line is ['#', ..])
            .TakeWhile(line => line is [not '#', ..])
            .Select(line => line.Split('|')[^1].Trim())];

    public static string[] Cells(string line) => line.Split('|', StringSplitOptions.TrimEntries);

    public static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    public static Instant Second(string text) => Instant.FromUnixTimeSeconds(Number(text));

    /// <summary>An interval of seconds: "500-800".</summary>
    public static Interval Seconds(string text) => new(Second(text.Split('-')[0]), Second(text.Split('-')[1]));

    public static Power Kilowatts(string text) =>
        new((long)(1_000_000m * decimal.Parse(text, CultureInfo.InvariantCulture)));

    /// <summary>What a decision is called in a table.</summary>
    public static string Answer(Decision decision) => decision switch
    {
        Decision.Accepted { Facts: [{ Event: RegisterReadingQuarantined quarantined }] } =>
            Explained(quarantined.Code, quarantined.Detail),
        Decision.Accepted { Facts: [_, { Event: MeterFindingRecorded }, ..] facts } => "suspect " + string.Join(' ',
            facts.Skip(1).Select(fact => ((MeterFindingRecorded)fact.Event).Rule)),
        Decision.Accepted { Facts: [{ Event: RegisterReadingCorrected correction }] } =>
            $"version {correction.Version}",
        Decision.Accepted { Facts: [{ Event: IntervalReadingCorrected correction }] } =>
            $"version {correction.Version}",
        Decision.Accepted { Facts: [{ Event: IntervalEstimated estimate }] } =>
            $"version {estimate.Version}, {estimate.Quality}",
        Decision.Accepted { Facts: [{ Event: IntervalRecorded record }] } =>
            $"version {record.Version}" + (record.Reason is null ? "" : ": " + record.Reason),
        Decision.Accepted => "accepted",
        Decision.Rejected refused => Explained(refused.Code, refused.Detail),
        _ => decision.GetType().Name,
    };

    /// <summary>A refusal has a sentence that names what was wrong.</summary>
    private static string Explained(Rejection code, string detail)
    {
        detail.Length.ShouldBeInRange(6, Limits.TextLengthMax, code.ToString());
        return code.ToString();
    }
}
