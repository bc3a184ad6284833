using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The credible dispatch window of a station: over all its real calls, by local hour of the week, and by the number of
/// connected vehicles, where that is known. Tests are announced and therefore no sample of what an unannounced call
/// meets, and calls that hold at one time are one sample (<see cref="StationCall.Together"/>): the bounds count
/// independent trials.
/// </summary>
/// <param name="NoSample">Real calls that say nothing of the delivered power.</param>
public sealed record StationWindows(
    DispatchWindow All, IReadOnlyList<(int HourOfWeek, DispatchWindow Window)> ByHour,
    IReadOnlyList<(int Connected, DispatchWindow Window)> ByConnected, int NoSample)
{
    /// <summary>Whole order, and 95 %, both in millionths:
    /// what a window is computed with where nothing else is asked.</summary>
    private const int Success = 1_000_000, Confidence = 950_000;

    /// <summary>Calls below which no power is credible in so many per cent of calls to come.</summary>
    public static int CallsFor(int percent) => Credibility.CallsForCredible(percent, Confidence);

    /// <param name="calls">Of these the latest real ones count, as many as a window may have.</param>
    public static StationWindows Of(IReadOnlyList<StationCall> calls)
    {
        var real = calls.Where(call => call.Test is null).ToList();
        var samples = StationCall.Together(real.Where(call => call.Call is not null)).TakeLast(Credibility.CallsMax)
            .ToList();
        return new(Window(samples), By(samples, call => call.HourOfWeek),
            By(samples.FindAll(call => call.Connected is not null), call => call.Connected!.Value),
            real.Count(call => call.Call is null));
    }

    /// <summary>So many connected vehicles, as a person says it.</summary>
    public static string VehiclesOf(int connected) => connected == 1 ? "1 vehicle"
        : string.Create(CultureInfo.InvariantCulture, $"{connected} vehicles");

    /// <summary>An hour of the week, 0 to 167 from Monday on, as a person says it: its start in local time.</summary>
    public static string HourOf(int hourOfWeek) =>
        $"{(IsoDayOfWeek)(hourOfWeek / 24 + 1)} {(hourOfWeek % 24).ToString("D2", CultureInfo.InvariantCulture)}:00";

    private static List<(int, DispatchWindow)> By(List<StationCall> samples, Func<StationCall, int> key) =>
        [.. samples.GroupBy(key).OrderBy(group => group.Key).Select(group => (group.Key, Window(group)))];

    private static DispatchWindow Window(IEnumerable<StationCall> samples) =>
        Credibility.Window([.. samples.Select(call => call.Call!)], Success, Confidence);
}
