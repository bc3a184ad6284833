using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Api.Access;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>The latest records of a point's day, and the register checks of single periods.</summary>
public sealed record IntervalRecordsAnswer(string Point, string Day, long? AsOf,
    IReadOnlyList<VerifiedExport.PeriodRow> Records, IReadOnlyList<PeriodCheckRow> Checks);

/// <summary>The latest records of a range of days, <paramref name="To"/> not in it.</summary>
public sealed record IntervalRecordRangeAnswer(
    string From, string To, long? AsOf, IReadOnlyList<VerifiedExport.PeriodRow> Records);

/// <summary>
/// Interval records: a day of one point, or a range of days of a point, of a station or of all that is reached. A range
/// may be larger than memory, so it is read point by point and day-month by day-month, and sent as it is read.
/// </summary>
internal static class RecordReads
{
    private const string Name = "interval-records", Table = "records";
    private const int RangeDaysMax = 400, FirstYear = 1900, LastYear = 2999; // far from where a calendar ends
    /// <summary>Days of a point that are read at once: some thousand rows, so nobody waits for the store long.
    /// </summary>
    private const int DaysAtOnce = 31;
    /// <summary>Bytes after which what was read is sent on.</summary>
    private const int SendAfterBytes = 256 * 1024;

    private static readonly IReadOnlyList<TableColumn> Columns = TableColumn.Of(typeof(VerifiedExport.PeriodRow))!;

    /// <summary>A range as it was asked for.</summary>
    private sealed record Asked(LocalDate From, LocalDate To, IReadOnlyList<SettlementPointId> Points,
        StationId? Station, Answers Answers, long? Position);

    public static void Map(WebApplication app, OpenLedger ledger, long bytesKept)
    {
        var days = new RecordDays(ledger.Views.Changes, bytesKept);
        app.MapGet("/v1/interval-records", async (HttpContext context) =>
            context.Request.Query.ContainsKey("from") || context.Request.Query.ContainsKey("to")
                ? await RangeAsync(ledger, context).ConfigureAwait(false)
                : await DayAsync(ledger, days, context).ConfigureAwait(false))
            .Reads(Name, "The latest interval records of a settlement point on a day of its zone, and the register checks "
                + "of single periods; or those of a range of days, as a stream of any length.",
                "point? (with a day; of a range may be left out)", "day? (of the point's zone)",
                $"from? (a day: with to a range of at most {RangeDaysMax} days, which has no pages)",
                "to? (a day, which is not in the range)", "station? (of a range)")
            .Answers<IntervalRecordsAnswer>(200).Answers<IntervalRecordRangeAnswer>(200).Refuses(404);
    }

    private static async Task<IResult> DayAsync(OpenLedger ledger, RecordDays days, HttpContext context)
    {
        var request = context.Request;
        var point = Asking.Required<SettlementPointId>(request, "point", SettlementPointId.TryParse,
            Rejection.InvalidIdentifier, Asking.IdentifierRule);
        var day = Asking.Day(request);
        var changes = days.ChangesOf(point, day);
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        if (position is { } at && PageCursor.LimitOf(request) is null
            && TableForm.Of(request, context.GetEndpoint()!.Metadata.GetMetadata<ReadOperation>()) == TableForm.Json
            && answers.Reaches(point))
        {
            var kept = days.Of(answers, point, day, at, request.Query.ContainsKey("asOf") ? null : changes);
            // What has records is there, and nobody waits until its registration is read.
            if (kept.IsEmpty) ReachedPoint.Demand(answers, point);
            return new DayAnswer(point, day, at, kept);
        }
        var (records, checks) = (answers.IntervalRecords(point, day), answers.PeriodChecks(point, day));
        if (records.Count + checks.Count == 0) ReachedPoint.Demand(answers, point);
        return Answering.Read(
            new IntervalRecordsAnswer(point.Value, RowJson.Day(day), position, records, checks), position);
    }

    private sealed record DayAnswer(SettlementPointId Point, LocalDate Day, long Position, RecordDay Records) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            // Neither an identifier nor a number has a character that JSON would escape.
            var head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{{\"point\":\"{Point}\",\"day\":\"{RowJson.Day(Day)}\",\"asOf\":\"{Position}\","));
            httpContext.Response.Headers[Answering.PositionHeader] = Position.ToString(CultureInfo.InvariantCulture);
            Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData([.. head, .. Records.Digest], digest);
            return Representation.SendAsync(
                httpContext, Representation.TagOf(digest), TableForm.Json.Media, head, Records.Json);
        }
    }

    private static async Task<IResult> RangeAsync(OpenLedger ledger, HttpContext context)
    {
        var request = context.Request;
        var from = Asking.Required<LocalDate>(
            request, "from", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
        var to = Asking.Required<LocalDate>(request, "to", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
        var point = Asking.Optional<SettlementPointId>(request, "point", SettlementPointId.TryParse,
            Rejection.InvalidIdentifier, Asking.IdentifierRule);
        var station = Asking.Optional<StationId>(request, "station", StationId.TryParse,
            Rejection.InvalidIdentifier, Asking.IdentifierRule);
        if (to <= from || Period.DaysBetween(from, to) > RangeDaysMax || from.Year < FirstYear || to.Year > LastYear)
            throw new QueryRefusedException(Rejection.IntervalEmpty,
                $"to must be after from, at most {RangeDaysMax} days, from the year {FirstYear} to {LastYear}");
        if (request.Query.ContainsKey("day") || PageCursor.LimitOf(request) is not null)
            throw new QueryRefusedException(Rejection.UnknownField,
                "a range has no day, and no pages: it is sent as it is read, as long as it is");
        var form = TableForm.Of(request, context.GetEndpoint()!.Metadata.GetMetadata<ReadOperation>());
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        if (point is { } named) ReachedPoint.Demand(answers, named);
        var points = answers.Points().Select(row => new SettlementPointId(row.Point))
            .Where(each => point is null || each == point).ToList();
        return new RangeAnswer(new(from, to, points, station, answers, position), form);
    }

    private sealed record RangeAnswer(Asked Asked, TableForm Form) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            if (Asked.Position is { } at)
                response.Headers[Answering.PositionHeader] = at.ToString(CultureInfo.InvariantCulture);
            if (Representation.IsKnown(httpContext, Tag(httpContext.Request))) return;
            response.ContentType = Form.Media;
            if (Form != TableForm.Json) Representation.AddFileHeaders(httpContext, Form, Name);
            if (Form.IsMadeWhole)
            {
                var file = await new AnsweredTable(Name, Columns, () => RowsOf(Asked))
                    .ToFileAsync(httpContext, Form, Asked.Position).ConfigureAwait(false);
                await using var closed = file.ConfigureAwait(false);
                response.ContentLength = file.Content.Length;
                await file.Content.CopyToAsync(response.Body, httpContext.RequestAborted).ConfigureAwait(false);
                return;
            }
            await StreamAsync(Asked, Form, httpContext).ConfigureAwait(false);
        }

        /// <summary>As of a position an answer about these points is the same for ever, so its question and what of it
        /// is reached are its tag. It is a weak one: the bytes of a file may be others in another version of this
        /// program.</summary>
        private string Tag(HttpRequest request)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            hash.AppendData(Encoding.UTF8.GetBytes($"{request.QueryString} {Form.Name} {Asked.Position}"));
            // No identifier has a blank.
            foreach (var point in Asked.Points) hash.AppendData(Encoding.ASCII.GetBytes($" {point}"));
            return "W/" + Representation.TagOf(hash.GetHashAndReset());
        }
    }

    private static async Task StreamAsync(Asked asked, TableForm form, HttpContext context)
    {
        var body = context.Response.BodyWriter;
        var text = form == TableForm.Csv ? new TableText(Columns) : null;
        var (unsent, isFirst) = (0, true);
        text?.WriteHead(body);
        if (form == TableForm.Json)
            body.Write(Encoding.ASCII.GetBytes($"{{\"from\":\"{RowJson.Day(asked.From)}\",\"to\":\"{RowJson.Day(asked.To)}\","
                + $"\"asOf\":{(asked.Position is { } at ? $"\"{at.ToString(CultureInfo.InvariantCulture)}\"" : "null")},"
                + $"\"{Table}\":["));
        foreach (var (point, stretch) in Stretches(asked))
        {
            asked.Answers.ScanRecords(point, stretch, null, Take);
            if (unsent < SendAfterBytes) continue;
            unsent = 0;
            if ((await body.FlushAsync(context.RequestAborted).ConfigureAwait(false)).IsCompleted) return;
        }
        if (form == TableForm.Json) body.Write("]}"u8);
        await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);

        void Take(ReadOnlySpan<byte> row)
        {
            unsent += row.Length;
            if (text is not null)
            {
                text.WriteRow(body, row);
                return;
            }
            if (form == TableForm.Lines)
            {
                TableText.WriteLine(body, row);
                return;
            }
            if (!isFirst) body.Write(","u8);
            isFirst = false;
            body.Write(row);
        }
    }

    /// <summary>The same rows for a file that is made whole; of each stretch there is one copy at a time.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> RowsOf(Asked asked)
    {
        var text = new ArrayBufferWriter<byte>();
        var ends = new List<int>();
        foreach (var (point, stretch) in Stretches(asked))
        {
            text.ResetWrittenCount();
            ends.Clear();
            asked.Answers.ScanRecords(point, stretch, null, row =>
            {
                text.Write(row);
                ends.Add(text.WrittenCount);
            });
            var start = 0;
            foreach (var end in ends)
            {
                yield return text.WrittenMemory[start..end];
                start = end;
            }
        }
    }

    /// <summary>Days of a point that have one zone, and on which it is at the station if one is named.</summary>
    private static IEnumerable<(SettlementPointId Point, Interval Stretch)> Stretches(Asked asked)
    {
        foreach (var point in asked.Points)
        {
            var versions = asked.Answers.Versions(point);
            for (var day = asked.From; day < asked.To;)
            {
                var (first, row) = (day, versions.On(day));
                do day = day.PlusDays(1);
                while (day < asked.To && day < first.PlusDays(DaysAtOnce) && versions.On(day) == row);
                if (asked.Station is { } station && row.Station != station.Value) continue;
                var zone = DateTimeZoneProviders.Tzdb[row.Zone];
                yield return (point, new(SettlementCalendar.Day(zone, first).Start,
                    SettlementCalendar.Day(zone, day.PlusDays(-1)).End));
            }
        }
    }
}
