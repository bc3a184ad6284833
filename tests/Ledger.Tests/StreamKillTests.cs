using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>kill -9</c> at random moments while frames stream into a real ledger in a process of its own: no acknowledged
/// frame is lost, the sender goes on where it was, and the records are those of a run that nobody disturbed.
/// LEDGER_LONG=1 kills two hundred times.
/// </summary>
public sealed class StreamKillTests
{
    private const int Connectors = 20, UnderWayMax = 8;
    private const string FolderVariable = "LEDGER_STREAM_CHILD";
    private static bool IsLong => Environment.GetEnvironmentVariable("LEDGER_LONG") == "1";
    private static int Kills => IsLong ? 200 : 4;

    /// <summary>Frames of a second each: some 33 minutes, or some hours.</summary>
    private static int Frames => IsLong ? 20_000 : 2000;

    [Fact]
    public async Task Nothing_acknowledged_is_lost_and_the_records_are_those_of_an_undisturbed_run()
    {
        WholeMachine.SkipWhileMutating();
        var ct = TestContext.Current.CancellationToken;
        await using var town = await StreamTown.OpenAsync(Connectors, folder: TestFolder.OnDisk());
        await town.CloseAsync();
        var chance = new Random(20260301);
        var acknowledged = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            var target = acknowledged + chance.Next(1, Frames / Kills);
            using var child = Start(town.FolderPath);
            while (Acknowledged(town.FolderPath) < target && !child.HasExited) await Task.Delay(5, ct);
            child.Kill();
            await child.WaitForExitAsync(ct);
            File.Exists(LostPath(town.FolderPath)).ShouldBeFalse("acknowledged frames were lost");
            (acknowledged = Acknowledged(town.FolderPath)).ShouldBeGreaterThan(0, "the child sent nothing");
        }
        await town.ReopenAsync();
        await SendAsync(town, Frames, recording: false);
        var disturbed = await RecordsAsync(town);
        await using var calm = await StreamTown.OpenAsync(Connectors);
        await SendAsync(calm, Frames, recording: false);
        var undisturbed = await RecordsAsync(calm);
        undisturbed.Count.ShouldBe(Connectors * (Frames / 900));
        disturbed.ShouldBe(undisturbed);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
        TestContext.Current.SendDiagnosticMessage($"{Kills} kills, {acknowledged} frames acknowledged before the last");
    }

    /// <summary>The process that is killed; it runs only where the test above starts it.</summary>
    [Fact(Explicit = true)]
    public async Task The_child_streams_until_it_is_killed()
    {
        var path = Environment.GetEnvironmentVariable(FolderVariable)
            ?? throw new InvalidOperationException("it is started by its parent");
        var town = StreamTown.OpenAt(path);
        await SendAsync(town, Frames, recording: true);
    }

    private static Process Start(string folder)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "Ledger.Tests.dll"), "-method",
            $"{typeof(StreamKillTests).FullName}.{nameof(The_child_streams_until_it_is_killed)}", "-explicit", "only"])
            start.ArgumentList.Add(argument);
        start.Environment[FolderVariable] = folder;
        var process = Process.Start(start)!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static string AckPath(string folder) => Path.Combine(folder, "..", Path.GetFileName(folder) + ".acknowledged");
    private static string SessionPath(string folder) => Path.Combine(folder, "..", Path.GetFileName(folder) + ".session");
    private static string LostPath(string folder) => Path.Combine(folder, "..", Path.GetFileName(folder) + ".lost");

    /// <summary>Frames from the first on that were acknowledged; each is one byte.</summary>
    private static int Acknowledged(string folder) =>
        File.Exists(AckPath(folder)) ? (int)new FileInfo(AckPath(folder)).Length : 0;

    /// <summary>Goes on after the last frame that is durable, as a sender does that was cut off, and sends up to a
    /// frame.</summary>
    private static async Task SendAsync(StreamTown town, int end, bool recording)
    {
        var next = await ResumedAsync(town);
        using var door = town.Streams.Connect();
        File.WriteAllText(SessionPath(town.FolderPath),
            string.Create(CultureInfo.InvariantCulture, $"{door.Session} {door.Token} {next}"));
        await using var acknowledged = new FileStream(
            AckPath(town.FolderPath), FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        // What is durable and was not acknowledged before the crash is now.
        for (var known = acknowledged.Length; known < next; known++) acknowledged.WriteByte(1);
        await StreamTown.SendAsync(door, town.Announce(Connectors));
        var underWay = new Queue<ValueTask<FrameAddress>>();
        for (var frame = next; frame < end; frame++)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(frame);
            var bytes = StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(frame), [.. Enumerable
                .Range(0, Connectors).Select(i => (i, new[] { StreamTown.At(frame, 10 * i + frame % 7) }))]);
            ValueTask<FrameAddress> durable;
            while (door.Take(bytes, out _, out durable) == FrameTaken.Full) await Task.Delay(1);
            underWay.Enqueue(durable);
            if (underWay.Count == UnderWayMax) await AcknowledgeAsync();
        }
        while (underWay.Count > 0) await AcknowledgeAsync();

        async Task AcknowledgeAsync()
        {
            await underWay.Dequeue();
            if (recording) acknowledged.WriteByte(1);
        }
    }

    private static async Task<int> ResumedAsync(StreamTown town)
    {
        await town.SettleAsync(); // until the log is read again, nobody knows how far a session is durable
        if (!File.Exists(SessionPath(town.FolderPath))) return 0;
        var parts = File.ReadAllText(SessionPath(town.FolderPath)).Split(' ');
        var session = long.Parse(parts[0], CultureInfo.InvariantCulture);
        // The announcement is number 0 of each session.
        var last = (await town.Streams.LastSequenceAsync(session, parts[1], CancellationToken.None)).ShouldNotBeNull();
        var durable = int.Parse(parts[2], CultureInfo.InvariantCulture) + (int)Math.Max(0, last);
        if (durable < Acknowledged(town.FolderPath))
            File.WriteAllText(LostPath(town.FolderPath), $"{durable} of {Acknowledged(town.FolderPath)}");
        return durable;
    }

    private static async Task<List<string>> RecordsAsync(StreamTown town)
    {
        await town.SettleAsync();
        return (await town.LatestAsync()).ConvertAll(record => string.Join('|', record.Point, record.Period.Start,
            record.Version, record.Import.HalfNanojoules, record.Export.HalfNanojoules, record.Samples,
            record.DuplicateSamples, record.Minimum, record.Maximum, record.CoveredMicroseconds,
            record.Ramp1sMilliwattsMax, record.Stream!.Ramp10sMilliwattsMax, record.Gaps.Count));
    }
}
