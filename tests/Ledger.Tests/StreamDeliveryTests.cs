using System.Globalization;
using System.Security.Cryptography;
using CsCheck;
using Ledger.Domain;
using Ledger.Ingest.Fleet;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Simulation;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What arrives of a simulated fleet, held against the account of what the faults did to it.</summary>
public sealed class StreamDeliveryTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 6, 2, 8, 3);

    /// <summary>Six minutes of 24 connectors behind three gateways, with two stations each.</summary>
    private static StreamPlan Plan(StreamFaults faults, int seed = 5) => new(seed, 24, 10, 6, Start)
    {
        Faults = faults,
        ConnectorsPerGateway = 8,
        ConnectorsPerStation = 4,
        JitterMs = 9,
    };

    public static TheoryData<string> Faults => [.. StreamFaultNames.All, "all"];

    [Theory]
    [MemberData(nameof(Faults))]
    public void What_arrives_proves_what_the_account_says_to_the_last_integer(string name)
    {
        StreamFaultNames.TryParse(name, out var faults).ShouldBeTrue();
        AccountHolds(Plan(faults));
    }

    [Fact]
    public void The_account_holds_for_any_faults_together() =>
        Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, (int)StreamFaultNames.Every], Gen.Bool, Gen.Bool)
        .Sample((seed, faults, isMilliwatts, isAlone) => AccountHolds(new StreamPlan(seed, 6, 5, 4, Start)
        {
            Faults = (StreamFaults)faults,
            ConnectorsPerGateway = isAlone ? 1 : 4,
            ConnectorsPerStation = 3,
            PowerUnitMilliwatts = isMilliwatts ? 1 : 1000,
            JitterMs = isAlone ? 0 : 150,
        }), iter: LongRun.Samples / 100);

    private static void AccountHolds(StreamPlan plan)
    {
        var fleet = new StreamFleet(plan);
        var arrived = Arrived(fleet);
        var periods = StreamFiles.Periods(plan, 5);
        for (var connector = 0; connector < plan.Connectors; connector++)
        {
            var account = new ConnectorAccount(fleet.Stream(connector));
            var samples = arrived[connector].ToArray();
            account.UnsetClockSamples.ShouldBe(samples.Count(IsUnset));
            var integrals = PowerCurve.Integrate([.. samples.Where(one => !IsUnset(one))], periods,
                Duration.FromMilliseconds(account.MaxGapMicroseconds / 1000));
            foreach (var (expected, found) in periods.Select(account.Of).Zip(integrals))
            {
                expected.Proven.ShouldBe(new EnergyPair(found.Import, found.Export));
                (expected.Samples, expected.Duplicates, expected.Conflicts)
                    .ShouldBe((found.Samples, found.Duplicates, found.Conflicts));
                Joined(expected.Gaps.Where(gap => !gap.Bridged).Select(gap => gap.Missing))
                    .ShouldBe(Joined(found.Gaps.Select(gap => gap.Missing)));
                var missing = expected.Gaps.Aggregate(new EnergyPair(Energy.Zero, Energy.Zero), (sum, gap) => sum
                    + gap.Energy + new EnergyPair(-gap.Counted.Import, -gap.Counted.Export));
                (expected.Proven + missing).ShouldBe(expected.True);
            }
        }
    }

    /// <summary>Gaps that follow each other for different causes are one to whoever sees only what arrived; two with
    /// a single sample between them touch.</summary>
    private static List<Interval> Joined(IEnumerable<Interval> gaps)
    {
        var joined = new List<Interval>();
        foreach (var gap in gaps)
            if (joined.Count > 0 && joined[^1].End == gap.Start) joined[^1] = new Interval(joined[^1].Start, gap.End);
            else joined.Add(gap);
        return joined;
    }

    [Fact]
    public void Without_faults_everything_arrives_once_and_all_of_it_is_proven()
    {
        var plan = Plan(StreamFaults.None);
        var fleet = new StreamFleet(plan);
        var arrived = Arrived(fleet);
        var inside = new Interval(Start + Duration.FromMinutes(1), Start + Duration.FromMinutes(5));
        for (var connector = 0; connector < plan.Connectors; connector++)
        {
            arrived[connector].Count.ShouldBe(6 * 60 * 10 + 1);
            var account = new ConnectorAccount(fleet.Stream(connector)).Of(inside);
            account.Gaps.ShouldBeEmpty();
            account.Proven.ShouldBe(account.True);
            (account.Samples, account.Duplicates, account.Conflicts, account.Late, account.Overtaken)
                .ShouldBe((2400, 0, 0, 0, 0));
        }
    }

    /// <summary>A fault alone does what it says and nothing else: gaps by cause, repeats, late ones, holes.</summary>
    [Theory]
    [InlineData("gaps", "NotMeasured 3531")]
    [InlineData("duplicates", "duplicates 1360")]
    [InlineData("conflicts", "conflicts 172")]
    [InlineData("reorder", "overtaken 880")]
    [InlineData("late", "late 7920")]
    [InlineData("offset", "")]
    [InlineData("drift", "")]
    [InlineData("unsetclock", "UnsetClock 1240, unset 1240")]
    [InlineData("reconnect", "Reconnect 3760, sessions 6")]
    [InlineData("shed", "Shed 940, shed 940")]
    [InlineData("lostframes", "LostFrame 800, holes 10")]
    public void A_fault_does_what_its_name_says_and_nothing_else(string name, string expected)
    {
        StreamFaultNames.TryParse(name, out var faults).ShouldBeTrue();
        var plan = Plan(faults);
        var fleet = new StreamFleet(plan);
        var delivery = StreamDelivery.Of(fleet);
        var shed = delivery.Frames().Sum(frame => frame.Shed.Sum(one => one.Count));
        var accounts = Enumerable.Range(0, plan.Connectors).Select(one => new ConnectorAccount(fleet.Stream(one)))
            .ToList();
        var whole = accounts.Select(one => one.Of(new Interval(Start - Duration.FromHours(1),
            Start + Duration.FromHours(1)))).ToList();
        var did = whole.SelectMany(one => one.Gaps).Where(gap => gap.Cause != FaultCause.Outside)
            .GroupBy(gap => gap.Cause).OrderBy(same => same.Key).Select(same => (What: $"{same.Key}", Count: same.Sum(gap => gap.Samples)))
            .Concat((IEnumerable<(string What, int Count)>)[
                ("duplicates", whole.Sum(one => one.Duplicates)), ("conflicts", whole.Sum(one => one.Conflicts)),
                ("late", whole.Sum(one => one.Late)), ("overtaken", whole.Sum(one => one.Overtaken)),
                ("unset", accounts.Sum(one => one.UnsetClockSamples)), ("holes", delivery.Lost.Count()),
                ("sessions", delivery.Sessions.Count() - plan.Gateways), ("shed", (int)shed),
            ]);
        string.Join(", ", did.Where(one => one.Count > 0).Select(one => $"{one.What} {one.Count}")).ShouldBe(expected);
    }

    [Fact]
    public void The_numbers_of_a_session_have_no_hole_but_those_that_are_named()
    {
        var delivery = StreamDelivery.Of(new StreamFleet(Plan(StreamFaultNames.Every)));
        var came = delivery.Frames().Select(frame => (frame.Gateway, frame.Session, frame.Sequence)).ToList();
        var all = came.Concat(delivery.Lost.Select(one => (one.Gateway, one.Session, one.Sequence)))
            .GroupBy(one => (one.Gateway, one.Session))
            .ToDictionary(same => same.Key, same => same.Select(one => one.Sequence));
        all.Count.ShouldBe(delivery.Sessions.Count());
        foreach (var session in delivery.Sessions)
            all[(session.Gateway, session.Session)].Order()
                .ShouldBe(Enumerable.Range(0, (int)session.Frames).Select(one => (long)one));
        // Some were overtaken: numbers of one session that do not ascend.
        came.Zip(came.Skip(1)).Count(two => two.First.Gateway == two.Second.Gateway
            && two.First.Session == two.Second.Session && two.First.Sequence > two.Second.Sequence)
            .ShouldBeGreaterThan(0);
        came.Distinct().Count().ShouldBe(came.Count);
    }

    [Fact]
    public void Frames_arrive_in_order_and_no_earlier_than_what_they_hold()
    {
        var plan = Plan(StreamFaultNames.Every & ~(StreamFaults.ClockOffset | StreamFaults.UnsetClock));
        var before = Instant.MinValue;
        var (overtakenMs, keptBack) = (0L, 0);
        foreach (var frame in StreamDelivery.Of(new StreamFleet(plan)).Frames())
        {
            frame.ReceivedAt.ShouldBeGreaterThanOrEqualTo(before);
            before = frame.ReceivedAt;
            foreach (var block in frame.Blocks)
            {
                var last = frame.SamplesOf(block)[^1].AtMicroseconds;
                var after = PowerCurve.Microseconds(frame.ReceivedAt) - last;
                // A clock that drifts by 200 ppm is 72 ms off after six minutes.
                after.ShouldBeGreaterThan(-72_000);
                if (after < 7_000_000) overtakenMs = Math.Max(overtakenMs, after / 1000);
                else keptBack++;
            }
        }
        overtakenMs.ShouldBeInRange(4_000, 6_000);
        keptBack.ShouldBeGreaterThan(0);
        before.ShouldBeGreaterThan(Start + Duration.FromHours(1));
    }

    [Theory]
    [InlineData(8, 10)]
    [InlineData(1, 10)]
    [InlineData(8, 1000)]
    public void The_bytes_of_every_frame_say_what_it_holds(int connectorsPerGateway, int rateHz)
    {
        var plan = Plan(StreamFaultNames.Every) with
        {
            ConnectorsPerGateway = connectorsPerGateway,
            RateHz = rateHz,
            JitterMs = rateHz == 10 ? 9 : 0,
            Minutes = rateHz == 10 ? 6 : 1,
        };
        var (bytes, into) = (new byte[DeliveredFrame.BytesMax], new PowerSample[Limits.SamplesPerBlockMax]);
        var kinds = new HashSet<FrameKind>();
        foreach (var frame in StreamDelivery.Of(new StreamFleet(plan)).Frames())
        {
            var reader = FrameReader.Open(bytes.AsSpan(0, frame.Write(bytes)));
            reader.Head.ShouldBe(new FrameHead(frame.Kind, frame.Sequence, frame.SentAtMicroseconds,
                frame.Kind == FrameKind.Samples ? new FrameUnits(1000, 1000) : FrameUnits.Finest,
                frame.Blocks.Count + frame.Vehicle.Count + frame.Shed.Count + frame.Announcements.Count));
            kinds.Add(frame.Kind);
            if (frame.Kind == FrameKind.Samples)
                foreach (var block in frame.Blocks)
                {
                    reader.TryRead(into, out var read).ShouldBeTrue();
                    read.ShouldBe(new SampleBlock(block.Stream, block.Count));
                    into.AsSpan(0, block.Count).SequenceEqual(frame.SamplesOf(block)).ShouldBeTrue();
                }
            foreach (var expected in frame.Vehicle)
            {
                reader.TryRead(out VehicleFact fact).ShouldBeTrue();
                fact.ShouldBe(expected);
            }
            foreach (var expected in frame.Announcements)
            {
                reader.TryRead(out Announcement announced).ShouldBeTrue();
                announced.ShouldBe(expected);
            }
        }
        kinds.Count.ShouldBe(4);
    }

    [Fact]
    public void Neither_threads_nor_culture_nor_order_change_a_byte()
    {
        var plan = Plan(StreamFaultNames.Every);
        var expected = Enumerable.Range(0, plan.Gateways).Select(gateway => Digest(plan, gateway)).ToList();
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberDecimalSeparator = ",";
        culture.NumberFormat.NegativeSign = "~";
        var found = new string[plan.Gateways];
        Parallel.For(0, plan.Gateways, i =>
        {
            CultureInfo.CurrentCulture = culture;
            var gateway = plan.Gateways - 1 - i;
            found[gateway] = Digest(plan, gateway);
        });
        found.ShouldBe(expected);
        Digest(plan with { Seed = 6 }, 0).ShouldNotBe(expected[0]);
    }

    [Fact]
    public void Vehicles_ask_for_what_flows_and_their_charge_rises_until_they_stop()
    {
        var plan = new StreamPlan(3, 8, 1, 240, Start);
        var facts = new List<(int Connector, VehicleFact Fact)>();
        foreach (var frame in StreamDelivery.Of(new StreamFleet(plan)).Frames())
            facts.AddRange(frame.Vehicle.Select(fact => (fact.Stream, fact)));
        facts.Count(one => one.Fact.StopReason is not null).ShouldBe(33);
        facts.ShouldAllBe(one => one.Fact.RequestedMilliamperes <= one.Fact.PermittedMilliamperes
            && one.Fact.StateOfCharge >= 0 && one.Fact.StateOfCharge <= 10_000);
        var fleet = new StreamFleet(plan);
        foreach (var (connector, fact) in facts.Where(one => one.Fact.StopReason is null))
        {
            var stream = fleet.Stream(connector);
            var flows = Math.Abs(stream.SampleAt(stream.IndexAt(fact.AtMicroseconds)).Milliwatts);
            var asked = (long)fact.RequestedMilliamperes! * fact.RequestedMillivolts!.Value / 1000;
            Math.Abs(asked - flows).ShouldBeLessThanOrEqualTo(flows / 400 + 1000);
        }
        foreach (var stop in facts.Where(one => one.Fact.StopReason is not null))
        {
            var session = fleet.Stream(stop.Connector).SessionAt(
                fleet.Stream(stop.Connector).IndexAt(stop.Fact.AtMicroseconds));
            stop.Fact.StateOfCharge.ShouldBe(session.LeavesAtPermille * 10);
        }
    }

    [Fact]
    public void A_clock_that_is_ahead_moves_all_its_samples_and_one_that_drifts_takes_more()
    {
        var plan = Plan(StreamFaults.ClockOffset | StreamFaults.ClockDrift) with { Minutes = 60 };
        var fleet = new StreamFleet(plan);
        var (isOff, drifts) = (0, 0);
        for (var station = 0; station < 6; station++)
        {
            var clock = StationClock.Of(plan, station);
            var stream = fleet.Stream(station * plan.ConnectorsPerStation);
            stream.OriginMicroseconds.ShouldBe(PowerCurve.Microseconds(Start) + clock.OffsetMs * 1000L);
            // An hour of 10 Hz, and one sample more or less for every 100 ms.
            stream.EndIndex.ShouldBe(36_001 + (int)Math.Floor(36_000m * clock.DriftPpm / 1_000_000));
            if (clock.OffsetMs != 0) isOff++;
            if (clock.DriftPpm != 0) drifts++;
        }
        (isOff, drifts).ShouldBe((2, 1));
    }

    private static bool IsUnset(PowerSample sample) =>
        Instant.FromUnixTimeTicks(sample.AtMicroseconds * 10) < Instant.FromUtc(2001, 1, 1, 0, 0);

    private static List<PowerSample>[] Arrived(StreamFleet fleet)
    {
        var arrived = Enumerable.Range(0, fleet.Plan.Connectors).Select(_ => new List<PowerSample>()).ToArray();
        foreach (var frame in StreamDelivery.Of(fleet).Frames())
            foreach (var block in frame.Blocks) arrived[block.Connector].AddRange(frame.SamplesOf(block));
        return arrived;
    }

    private static string Digest(StreamPlan plan, int gateway)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var bytes = new byte[DeliveredFrame.BytesMax];
        foreach (var frame in new StreamDelivery(new StreamFleet(plan), gateway, gateway + 1).Frames())
            hash.AppendData(bytes.AsSpan(0, frame.Write(bytes)));
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
