using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// A fleet whose connectors stream their power: how many there are, how often they measure, for how long, how their
/// samples are packed, and what goes wrong. Everything else is chance, and all chance comes from the seed. Connectors,
/// stations and gateways count from 0; a second counts from <see cref="Start"/> in true time.
/// </summary>
/// <param name="RateHz">Samples a second and connector; divides 1 000 000, so that a step is whole µs.</param>
public sealed record StreamPlan(int Seed, int Connectors, int RateHz, int Minutes, Instant Start)
{
    public const int ConnectorsMax = 10_000_000;
    public const int MinutesMax = 31 * 24 * 60;
    /// <summary>Seconds in which each fault happens at most once to whom it concerns.</summary>
    public const int FaultWindowSeconds = 60;
    /// <summary>Samples of all connectors of a gateway in one second: with five bytes each they fit into a frame of
    /// 1 MiB.</summary>
    public const int SamplesPerFrameMax = 200_000;

    /// <summary>What goes wrong; each fault keeps an account of what it did.</summary>
    public StreamFaults Faults { get; init; }
    /// <summary>A sample may be taken this much late, in ms; less than a step.</summary>
    public int JitterMs { get; init; }
    /// <summary>Powers are multiples of this many mW: 1 or 1000.</summary>
    public int PowerUnitMilliwatts { get; init; } = 1000;
    /// <summary>Times are multiples of this many µs: 1 or 1000.</summary>
    public int TimeUnitMicroseconds { get; init; } = 1000;
    /// <summary>Connectors whose samples share a frame; 1 where each connector sends its own.</summary>
    public int ConnectorsPerGateway { get; init; } = 500;
    /// <summary>Connectors that share a clock.</summary>
    public int ConnectorsPerStation { get; init; } = 8;

    /// <summary>With this many, the announcement of all of them fits into a frame of 1 MiB.</summary>
    public const int ConnectorsPerGatewayMax = 20_000;

    public int Seconds => Minutes * 60;
    /// <summary>Stretches of <see cref="FaultWindowSeconds"/>.</summary>
    public int Windows => Seconds / FaultWindowSeconds;
    public int StepMicroseconds => 1_000_000 / RateHz;
    public int Gateways => (Connectors + ConnectorsPerGateway - 1) / ConnectorsPerGateway;
    public long StartMicroseconds => PowerCurve.Microseconds(Start);
    public bool Has(StreamFaults fault) => (Faults & fault) != 0;
    public int StationOf(int connector) => connector / ConnectorsPerStation;
    public int GatewayOf(int connector) => connector / ConnectorsPerGateway;

    /// <summary>The connectors of a gateway, from the first one to below the second number.</summary>
    public (int First, int End) ConnectorsOf(int gateway) =>
        (gateway * ConnectorsPerGateway, Math.Min((gateway + 1) * ConnectorsPerGateway, Connectors));

    /// <summary>The name of a connector: its station's number and its own there, from 1.</summary>
    public SettlementPointId PointOf(int connector) =>
        new($"sim{StationOf(connector) + 1:00000}-c{connector % ConnectorsPerStation + 1}");

    /// <summary>What the plan breaks; null where it can be simulated.</summary>
    public string? Problem()
    {
        if (Connectors is < 1 or > ConnectorsMax) return $"connectors are 1 to {ConnectorsMax}";
        if (RateHz is < 1 or > 1000 || 1_000_000 % RateHz != 0)
            return "the rate is 1 to 1000 Hz and divides 1 000 000";
        if (PowerUnitMilliwatts is not (1 or 1000)) return "the unit of power is 1 or 1000 mW";
        if (TimeUnitMicroseconds is not (1 or 1000)) return "the unit of time is 1 or 1000 µs";
        if (StepMicroseconds % TimeUnitMicroseconds != 0) return $"a step of {StepMicroseconds} µs is not whole ms";
        if (JitterMs < 0 || JitterMs * 1000 >= StepMicroseconds) return "the jitter is less than a step";
        if (Minutes is < 1 or > MinutesMax) return $"minutes are 1 to {MinutesMax}";
        if (ConnectorsPerGateway is < 1 or > ConnectorsPerGatewayMax)
            return $"a gateway has 1 to {ConnectorsPerGatewayMax} connectors";
        if (ConnectorsPerStation < 1) return "a station has a connector";
        if (Start.ToUnixTimeTicks() % NodaConstants.TicksPerMillisecond != 0)
            return "the start is a whole ms";
        if ((long)ConnectorsPerGateway * (RateHz + 2) > SamplesPerFrameMax)
            return $"a frame has at most {SamplesPerFrameMax} samples: fewer connectors to a gateway";
        // Times of a clock that was never set may not be mistaken for the plan's.
        return Start < Instant.FromUtc(2001, 1, 1, 0, 0) || Start > Instant.FromUtc(2099, 1, 1, 0, 0)
            ? "the start lies from 2001 to 2098" : null;
    }
}

/// <summary>What goes wrong with a stream. Each is seeded on its own, so any of them may be combined.</summary>
[Flags]
public enum StreamFaults
{
    None = 0,
    /// <summary>A connector measures nothing for some samples up to 20 s.</summary>
    Gaps = 1,
    /// <summary>A frame comes again, 2 s later, under a new number.</summary>
    Duplicates = 2,
    /// <summary>Some samples come a second time with another power, which may be the first to come.</summary>
    Conflicts = 4,
    /// <summary>A frame is overtaken by those of the next 1 to 4 s.</summary>
    Reorder = 8,
    /// <summary>A gateway keeps its frames back, for minutes or for hours.</summary>
    Late = 16,
    /// <summary>A station's clock is ahead or behind by up to two minutes.</summary>
    ClockOffset = 32,
    /// <summary>A station's clock runs fast or slow by 20 to 200 parts per million.</summary>
    ClockDrift = 64,
    /// <summary>A station restarts and knows no time: its samples are dated from 2000 on, where its clock begins.
    /// </summary>
    UnsetClock = 128,
    /// <summary>A gateway loses its connection and what it measures until it has another one.</summary>
    Reconnect = 256,
    /// <summary>A gateway has too much to send, drops a connector's samples and says so.</summary>
    Shed = 512,
    /// <summary>A frame is sent and never comes: its number is missing.</summary>
    LostFrames = 1024,
}

/// <summary>The faults' names, as a command line writes them.</summary>
public static class StreamFaultNames
{
    private static readonly (string Name, StreamFaults Fault)[] Names =
    [
        ("gaps", StreamFaults.Gaps), ("duplicates", StreamFaults.Duplicates), ("conflicts", StreamFaults.Conflicts),
        ("reorder", StreamFaults.Reorder), ("late", StreamFaults.Late), ("offset", StreamFaults.ClockOffset),
        ("drift", StreamFaults.ClockDrift), ("unsetclock", StreamFaults.UnsetClock),
        ("reconnect", StreamFaults.Reconnect), ("shed", StreamFaults.Shed), ("lostframes", StreamFaults.LostFrames),
    ];

    public static IEnumerable<string> All => Names.Select(one => one.Name);

    /// <summary>Every fault at once.</summary>
    public static StreamFaults Every => Names.Aggregate(StreamFaults.None, (all, one) => all | one.Fault);

    /// <summary>Names with commas between them; <c>all</c> is every fault. False where one is unknown.</summary>
    public static bool TryParse(string text, out StreamFaults faults)
    {
        faults = text == "all" ? Every : StreamFaults.None;
        if (text == "all") return true;
        foreach (var name in text.Split(','))
        {
            var known = Array.Find(Names, one => one.Name == name);
            if (known.Name is null) return false;
            faults |= known.Fault;
        }
        return true;
    }

    public static string Of(StreamFaults faults) =>
        string.Join(',', Names.Where(one => (faults & one.Fault) != 0).Select(one => one.Name));
}
