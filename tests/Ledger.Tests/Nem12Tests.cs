using System.Globalization;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public sealed class Nem12Tests
{
    private static string Folder()
    {
        var root = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (root is null) Assert.Skip("sample: set LEDGER_SAMPLES to the folder that holds samples/nem12");
        return Path.Combine(root, "samples", "nem12");
    }

    [Fact]
    public void Sums_and_qualities_are_the_published_ones()
    {
        var folder = Folder();
        var rows = File.ReadAllLines(Path.Combine(folder, "EXPECTED_TOTALS.tsv")).Skip(1).Select(l => l.Split('\t'));
        foreach (var file in rows.GroupBy(r => r[0]))
        {
            var path = Directory.GetFiles(Path.Combine(folder, "examples"), file.Key, SearchOption.AllDirectories)
                .Single();
            var channels = Read(File.ReadAllBytes(path)).Channels;
            channels.Count.ShouldBe(file.Count(), file.Key);
            foreach (var row in file)
            {
                var channel = channels.Single(c => c.Nmi == row[1] && c.Suffix == row[2]);
                channel.Unit.ShouldBe(row[3]);
                channel.IntervalMinutes.ShouldBe(int.Parse(row[4], CultureInfo.InvariantCulture));
                channel.Days.Count.ShouldBe(int.Parse(row[5], CultureInfo.InvariantCulture));
                channel.Sum.ShouldBe(decimal.Parse(row[7], CultureInfo.InvariantCulture), file.Key);
                foreach (var count in channel.Days.SelectMany(d => d.Qualities).GroupBy(q => q[0]))
                    row[8].ShouldContain($"'{count.Key}': {count.Count()}");
            }
        }
    }

    [Fact]
    public void Every_invalid_file_is_refused_with_a_reason()
    {
        var files = Directory.GetFiles(Path.Combine(Folder(), "examples", "invalid"));
        files.Length.ShouldBe(11);
        foreach (var file in files)
        {
            var refused = Read(File.ReadAllBytes(file)).Refused;
            refused.ShouldNotBeNull(file);
            refused.Detail.ShouldNotBeEmpty();
        }
    }

    [Fact]
    public void Midnight_is_at_ten_hours_east_and_E_is_import()
    {
        var file = $"100,NEM12,1\n200,N1,E1B1,,E1,,,kWh,30,\n300,20230225,{string.Join(',', Enumerable.Repeat("0.5", 48))},A\n900\n";
        Nem12.Read(file, out var channels).ShouldBeNull();
        var readings = Nem12Readings.Of(channels[0], new EvidenceDigest(new string('0', 64))).ToList();
        readings[0].Period.Start.ShouldBe(Instant.FromUtc(2023, 2, 24, 14, 0));
        readings[0].Register.ShouldBe(new RegisterId(new SettlementPointId("N1:1"), Direction.Import));
        readings.Aggregate(Energy.Zero, (sum, r) => sum + r.Energy).ShouldBe(Energy.FromWattHours(24_000));
        Nem12Readings.KeptOnly(channels[0]).ShouldBeNull();
        Nem12Readings.KeptOnly(channels[0] with { Unit = "kVArh" })!.ShouldContain("'kVArh'");
    }

    /// <summary>What a door refuses of the point's name and of the day stands in evidence of before, which is read
    /// again.</summary>
    [Fact]
    public void Evidence_of_before_is_read_whatever_its_names_and_years_are()
    {
        var values = string.Join(',', Enumerable.Repeat("0.5", 48));
        var file = $"100,NEM12,1\n200,{new string('N', 63)},E1,,E1,,,kWh,30,\n300,20260101,{values},A\n"
            + $"200,N1,E1,,E1,,,kWh,30,\n300,19700101,{values},A\n900\n";
        Nem12.Read(file, out _)!.Code.ShouldBe(Rejection.InvalidIdentifier);
        Nem12.ReadAgain(file, out var channels).ShouldBeNull();
        channels.SelectMany(channel => Nem12Readings.Of(channel, null)).First().ShouldSatisfyAllConditions(
            reading => reading.Register.Point.Value.ShouldBe("N1:1"),
            reading => reading.Period.Start.ShouldBe(Instant.FromUtc(1969, 12, 31, 14, 0)));
    }

    [Fact]
    public void A_changed_file_never_throws_and_never_counts_half()
    {
        var good = $"100,NEM12,1\n200,N1,E1B1,,E1,,,kWh,30,\n300,20230225,{string.Join(',', Enumerable.Repeat("0.5", 48))},A\n900";
        for (var cut = 0; cut < good.Length; cut++)
            Nem12.Read(good[..cut], out var channels).ShouldNotBeNull(good[..cut]);
    }

    [Fact]
    public void Sessions_add_up_to_the_published_energy()
    {
        var path = Path.Combine(Folder(), "..", "epfl-level3", "sessions.csv");
        IntakeText.Decode(File.ReadAllBytes(path), out var text).ShouldBeNull();
        EpflSessions.Read(text, DateTimeZone.Utc, out var readings).ShouldBeNull();
        readings.Count.ShouldBe(992);
        readings.Sum(r => r.EnergySteps).ShouldBe(33_034_750_300);
        readings.GroupBy(r => r.Connector).Sum(g => g.Last().IndexSteps).ShouldBe(33_034_750_300);
    }

    private static (IReadOnlyList<Nem12Channel> Channels, Refusal? Refused) Read(byte[] bytes)
    {
        if (ZipIntake.IsZip(bytes))
        {
            if (ZipIntake.Read(bytes, out var files) is { } damaged) return ([], damaged);
            bytes = files.Single().Bytes;
        }
        if (IntakeText.Decode(bytes, out var text) is { } unreadable) return ([], unreadable);
        var refused = Nem12.Read(text, out var channels);
        return (channels, refused);
    }
}
