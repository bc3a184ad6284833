using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger show evidence POINT START [--out FILE]</c>: the record of a period, beside what its evidence says when the
/// record is derived again from it; with <c>--out</c> the files or frames themselves.
/// </summary>
internal static class ShowRecordEvidence
{
    /// <summary>What a record rests on.</summary>
    /// <param name="Derived">Null where not all of it is here any more.</param>
    /// <param name="Range">Null where it rests on files.</param>
    /// <param name="Gone">What is not here any more, and why; null where all of it is.</param>
    private sealed record Rest(
        IntervalRecorded Record, PeriodIntegral? Derived, FrameRange? Range, IReadOnlyList<EvidenceDigest> Files,
        bool DisclosesSomebody, (string What, string Why)? Gone = null);

    public static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var point = CommandLine.Read<SettlementPointId>(
            line.Words[1], SettlementPointId.TryParse, "POINT is an identifier");
        var start = CommandLine.Read<Instant>(
            line.Words[2], CommandLine.TryInstant, "START is an instant like 2026-06-02T08:00:00Z");
        var log = new FrameLogReader(Path.Combine(line.Data, FrameLogOptions.FolderName));
        Rest rest;
        await using (var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false))
            rest = await PrunedEvidence.ReadAsync(ledger.Journal, () => RestAsync(ledger, point, start, log, ct), ct)
                .ConfigureAwait(false);
        var page = PageOf(rest);
        if (rest.Gone is var (what, why) && line.Option("--out") is not null)
            throw new CouldNotException($"the {what} of the record {why}: nothing has all of that any more, but a backup "
                + "that was made before");
        if (line.Option("--out") is { } path)
        {
            // The ledger is closed before the reading is recorded in it.
            await Disclosing.RecordAsync(line, shell, "show evidence", rest.DisclosesSomebody ? rest.Files : [], ct)
                .ConfigureAwait(false);
            var (pieces, bytes) = await WriteAsync(line, shell, rest, log, path, ct).ConfigureAwait(false);
            page.Field("pieces", rest.Range is null ? "files" : "frames", pieces).Field("bytes", "bytes", bytes)
                .Field("out", "written to", path);
        }
        page.Write(shell.Output, line.Json);
        return rest.Derived is null || RecordComparison.IsAs(rest.Derived, rest.Record)
            ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static async Task<Rest> RestAsync(
        LedgerReader ledger, SettlementPointId point, Instant start, FrameLogReader log, CancellationToken ct)
    {
        var record = await RecordAsync(ledger.Journal, point, start, ct).ConfigureAwait(false)
            ?? throw new CouldNotException($"there is no record of {point} whose period begins at {start}");
        var named = ledger.Evidence.Find(record.Evidence)
            ?? throw new CouldNotException($"the archive has no evidence {record.Evidence}");
        if (record.Stream is not null)
        {
            var range = FrameRange.Read(named.Raw);
            var (integral, dropped) = StreamRecordVerification.Derive(record, range, log,
                await FrameDroppings.ReadAsync(ledger.Journal, ct).ConfigureAwait(false));
            return new(record, integral, range, [], false, dropped is null ? null : ("frames", $"were {dropped}"));
        }
        var files = EvidenceManifest.Listed(record.Evidence, named.Raw).ToList();
        if (files.Exists(ledger.Evidence.IsErased))
            return new(record, null, null, files, false, ("evidence", "was erased with a person whom it names"));
        var derived = new RecordVerification(ledger.Evidence.Get, new Findings()).Derive(record).Integral;
        return new(record, derived, null, files,
            files.Any(file => ledger.Evidence.Find(file)?.DisclosesSomebody == true));
    }

    /// <summary>The latest version; its settlement day begins at most a day from the day in UTC.</summary>
    private static async Task<IntervalRecorded?> RecordAsync(
        IJournal journal, SettlementPointId point, Instant start, CancellationToken ct)
    {
        IntervalRecorded? latest = null;
        for (var days = -1; days <= 1; days++)
            await foreach (var recorded in journal.ReadStreamAsync(
                Streams.Curve(point, start.InUtc().Date.PlusDays(days)), 0, ct).ConfigureAwait(false))
                if (EventCodec.Decode(recorded) is IntervalRecorded record && record.Period.Start == start
                    && (latest is null || latest.Version < record.Version)) latest = record;
        return latest;
    }

    private static async Task<(long Pieces, long Bytes)> WriteAsync(
        CommandLine line, Shell shell, Rest rest, FrameLogReader log, string path, CancellationToken ct)
    {
        var (pieces, bytes) = (0L, 0L);
        await OutFile.WriteAsync(path, async file =>
        {
            if (rest.Range is { } range)
            {
                foreach (var frame in NamedFrames.Of(log, range, rest.Record.Point)) Add(file, frame.Bytes.Span);
                return;
            }
            await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
            foreach (var digest in rest.Files) Add(file, ledger.Evidence.Get(digest));
        }).ConfigureAwait(false);
        return (pieces, bytes);

        void Add(Stream file, ReadOnlySpan<byte> piece)
        {
            NamedFrames.Write(file, piece);
            (pieces, bytes) = (pieces + 1, bytes + piece.Length);
        }
    }

    private static Page PageOf(Rest rest)
    {
        var (record, derived) = (rest.Record, rest.Derived);
        (string What, object Recorded, object? Derived)[] figures =
        [
            ("import kWh", record.Import.ToKwh(), derived?.Import.ToKwh()),
            ("export kWh", record.Export.ToKwh(), derived?.Export.ToKwh()),
            ("least power", record.Minimum, derived?.Minimum),
            ("greatest power", record.Maximum, derived?.Maximum),
            ("microseconds covered", record.CoveredMicroseconds, derived?.CoveredMicroseconds),
            ("ramp in 1 s, mW", record.Ramp1sMilliwattsMax, derived?.Ramp1sMilliwattsMax),
            ("gaps", record.Gaps.Count, derived?.Gaps.Count),
            ("samples", record.Samples, derived?.Samples),
            ("duplicates", record.DuplicateSamples, derived?.Duplicates),
            ("conflicts", record.ConflictingSamples, derived?.Conflicts),
        ];
        var isSame = derived is null ? $"not again: its {rest.Gone?.What} {rest.Gone?.Why}"
            : RecordComparison.IsAs(derived, record) ? "the same" : "not the same";
        var page = new Page().Field("show", null, "evidence").Field("point", "point", record.Point.Value)
            .Field("start", "from", record.Period.Start).Field("end", "to", record.Period.End)
            .Field("version", "version", record.Version).Field("state", "state", record.State)
            .Field("evidence", "evidence", record.Evidence.Hex)
            .Field("derived", "derived again", isSame)
            .Table("figures", "as recorded, and as its evidence says", Listing.Of(figures,
                new("what", "what", row => row.What), new("recorded", "recorded", row => row.Recorded),
                new("derived", "derived", row => row.Derived)));
        return rest.Range is { } range
            ? page.Table("stretches", "blocks of the frame log", Listing.Of(range.Stretches,
                new("first", "from", row => row.First.ToString()), new("chainBefore", null, row => row.ChainBefore),
                new("last", "to", row => row.Last.ToString()), new("chainAfter", null, row => row.ChainAfter)))
            : page.Table("files", "files", Listing.Of(rest.Files, new Column<EvidenceDigest>("evidence", "evidence",
                file => file.Hex)));
    }
}
