using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Ledger.Api.Access;
using Ledger.Api.Streaming;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Simulation;
using Shouldly;

namespace Ledger.Tests;

public sealed class SimulateVerbTests
{
    private static readonly string[] Tiny =
        ["simulate", "fleet", "--connectors", "3", "--rate", "2", "--minutes", "30", "--seed", "12", "--gateway", "2",
            "--faults", "all", "--start", "2026-06-02T08:05:00Z"];

    [Fact]
    public void A_tiny_fleet_is_as_it_was_accepted()
    {
        using var folder = new TestFolder();
        var run = CommandRun.Of([.. Tiny, "--out", folder.Path]);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""));
        Snapshot.Match(string.Join('\n', Directory.GetFiles(folder.Path).Order(StringComparer.Ordinal)
            .Select(file => $"{Path.GetFileName(file)}\n{File.ReadAllText(file)}"))
            + run.Output.Replace(folder.Path, "DIR", StringComparison.Ordinal), "SimulatedFleet.truth");
    }

    [Fact]
    public void The_same_options_write_the_same_bytes_and_another_seed_writes_others()
    {
        using var one = new TestFolder();
        using var two = new TestFolder();
        using var three = new TestFolder();
        CommandRun.Of([.. Tiny, "--out", one.Path]).Exit.ShouldBe(ExitCode.Done);
        CommandRun.Of([.. Tiny, "--out", two.Path]).Exit.ShouldBe(ExitCode.Done);
        CommandRun.Of([.. Tiny.Select(word => word == "12" ? "13" : word), "--out", three.Path]).Exit
            .ShouldBe(ExitCode.Done);
        Digests(two.Path).ShouldBe(Digests(one.Path));
        Digests(three.Path).ShouldNotBe(Digests(one.Path));
    }

    [Fact]
    public void The_frames_of_each_connection_can_be_read_back_to_their_end()
    {
        using var folder = new TestFolder();
        CommandRun.Of([.. Tiny, "--out", folder.Path]).Exit.ShouldBe(ExitCode.Done);
        var frames = 0L;
        foreach (var file in Directory.GetFiles(Path.Combine(folder.Path, "frames")).Order(StringComparer.Ordinal))
        {
            var bytes = File.ReadAllBytes(file);
            var (at, received) = (0, 0L);
            while (at < bytes.Length)
            {
                var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));
                var arrives = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at + 4));
                arrives.ShouldBeGreaterThan(received);
                received = arrives;
                var frame = CheckedFrame.Check(bytes.AsMemory(at + StreamFiles.PrefixBytes, length));
                if (at == 0) frame.Head.Kind.ShouldBe(FrameKind.Announce);
                at += StreamFiles.PrefixBytes + length;
                frames++;
            }
        }
        var sessions = File.ReadLines(Path.Combine(folder.Path, "sessions.csv")).Skip(1)
            .Select(row => row.Split(',')).ToList();
        sessions.Sum(row => long.Parse(row[2], CultureInfo.InvariantCulture)
            - row[3].Split(' ', StringSplitOptions.RemoveEmptyEntries).Length).ShouldBe(frames);
    }

    [Theory]
    [InlineData("simulate needs what: fleet", "--connectors", "1", "--out", "x")]
    [InlineData("--connectors is needed", "fleet", "--out", "x")]
    [InlineData("--out is needed", "fleet", "--connectors", "1")]
    [InlineData("--connectors is a number from 1 to 10000000, not '0'", "fleet", "--connectors", "0", "--out", "x")]
    [InlineData("--faults is all, or some of gaps,duplicates,conflicts,reorder,late,offset,drift,unsetclock,reconnect,shed,lostframes, not 'gap'",
        "fleet", "--connectors", "1", "--faults", "gap", "--out", "x")]
    [InlineData("the rate is 1 to 1000 Hz and divides 1 000 000", "fleet", "--connectors", "1", "--rate", "3", "--out", "x")]
    [InlineData("the jitter is less than a step", "fleet", "--connectors", "1", "--jitter", "20", "--out", "x")]
    [InlineData("--unit is W or mW, not 'kW'", "fleet", "--connectors", "1", "--unit", "kW", "--out", "x")]
    [InlineData("--period is 5, 15, 30 or 60, as a settlement period has minutes",
        "fleet", "--connectors", "1", "--period", "20", "--out", "x")]
    [InlineData("the start lies from 2001 to 2098", "fleet", "--connectors", "1", "--start", "2000-12-31T23:59:59Z", "--out", "x")]
    [InlineData("a frame has at most 200000 samples: fewer connectors to a gateway",
        "fleet", "--connectors", "1", "--rate", "1000", "--gateway", "200", "--out", "x")]
    public void A_plan_that_cannot_be_simulated_is_usage(string problem, params string[] args)
    {
        var (exit, output, errors) = CommandRun.Of(["simulate", .. args]);
        (exit, output).ShouldBe((ExitCode.Usage, ""));
        errors.Split('\n')[0].ShouldBe($"ledger simulate: {problem}");
        Directory.Exists("x").ShouldBeFalse();
    }

    [Fact]
    public void A_folder_that_holds_something_is_left_alone()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.Path);
        File.WriteAllText(Path.Combine(folder.Path, "mine"), "");
        CommandRun.Of([.. Tiny, "--out", folder.Path])
            .ShouldBeFailure($"ledger simulate: {folder.Path} is not empty");
        Directory.GetFileSystemEntries(folder.Path).Length.ShouldBe(1);
    }

    [Fact]
    public void A_ledger_imports_its_points_registers_and_signed_values()
    {
        using var simulated = new TestFolder();
        using var data = new TestFolder();
        CommandRun.Of(["simulate", "fleet", "--connectors", "4", "--rate", "1", "--minutes", "120",
            "--start", "2026-02-01T08:00:00Z", "--out", simulated.Path]).Exit.ShouldBe(ExitCode.Done);
        var import = CommandRun.Of(["import", .. ((string[])["settlement-points.jsonl", "registers.jsonl",
            "signed-values-001.xml"]).Select(name => Path.Combine(simulated.Path, name)), "--ledger", "simulated", "--data", data.Path]);
        (import.Exit, import.Errors).ShouldBe((ExitCode.Done, ""));
        Snapshot.Match(import.Output.Replace(data.Path, "DIR", StringComparison.Ordinal), "SimulatedFleet.import");
    }

    private static List<string> Digests(string folder) =>
    [
        .. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => $"{Path.GetRelativePath(folder, file)} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}"),
    ];

    [Fact]
    public async Task A_fleet_is_streamed_to_a_protected_ledger_with_a_key_from_a_file()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        var key = await town.GiveAsync("fleet", Role.ChargingOperator, StreamMasterData.Owner, []);
        await using var wire = await StreamServer.StartAsync(town.Served.Streams!, new(IPAddress.Loopback, 0),
            TestContext.Current.CancellationToken, town.Served.Ledger, new AccessOptions(IsRequired: true));
        var file = Path.Combine(town.Served.Options.Directory, "key.txt");
        await File.WriteAllTextAsync(file, key.Shown + "\n", TestContext.Current.CancellationToken);
        string[] line = ["simulate", "fleet", "--connectors", "2", "--rate", "1", "--minutes", "1", "--speed", "max", "--json",
            "--to", wire.Url.ToString(), "--register", town.Served.Client.BaseAddress!.ToString()];
        var without = await CommandRun.OfAsync(line, clock: town.Served.Clock);
        (without.Exit, without.Errors.Contains("with 401", StringComparison.Ordinal)).ShouldBe((ExitCode.CouldNot, true));
        // The points are of the fleet's operator: somebody else's key registers none of them, and nothing is sent.
        var other = Path.Combine(town.Served.Options.Directory, "other.txt");
        await File.WriteAllTextAsync(other, (await town.GiveAsync("other", Role.ChargingOperator, "other", [])).Shown,
            TestContext.Current.CancellationToken);
        var refused = await CommandRun.OfAsync([.. line, "--key-file", other], clock: town.Served.Clock);
        (refused.Exit, refused.Output).ShouldBe((ExitCode.CouldNot, ""));
        refused.Errors.ShouldContain("does not count 2 settlement points, first ");
        var sent = await CommandRun.OfAsync([.. line, "--key-file", file], clock: town.Served.Clock);
        sent.Exit.ShouldBe(ExitCode.Done, sent.Errors);
        sent.Output.ShouldContain("\"samples\": \"1");
        await File.WriteAllTextAsync(file, "secret", TestContext.Current.CancellationToken);
        (await CommandRun.OfAsync([.. line, "--key-file", file], clock: town.Served.Clock)).Errors
            .ShouldBe("ledger simulate: that is no access key: it is like ledger_KEY_SECRET\n");
        (await CommandRun.OfAsync(["simulate", "fleet", "--connectors", "1", "--key-file", file, "--out", "x"])).Exit
            .ShouldBe(ExitCode.Usage);
    }
}
