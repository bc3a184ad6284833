using System.Globalization;
using System.Text;
using Ledger.Api.Access;
using Ledger.Api.Resources;
using Ledger.Domain;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>
/// The one page: a settlement day as a person reads it, at the position up to which it is known. It is made here,
/// whole, from the same answers as the resources; it needs no script, and nothing from elsewhere.
/// </summary>
internal static class DayPage
{
    private static readonly byte[] Style = ReadStyle();

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var days = answers.Days();
            var asked = Asking.Optional<LocalDate>(context.Request, "day", Asking.TryDay, Rejection.InvalidTime,
                Asking.DayRule);
            var at = await ReadInstant.OfAsync(ledger, context, position).ConfigureAwait(false);
            var day = asked ?? (days.Count > 0 ? MostSettled(answers, days, at) : null);
            var followed = Asking.Optional<InstructionId>(context.Request, "response", InstructionId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var past = context.Request.Query.ContainsKey("asOf") ? position : null;
            var page = await PageAsync(
                    ledger, answers, position, at, days, day, (past, followed), context.RequestAborted)
                .ConfigureAwait(false);
            return Results.Content(page.Markup, "text/html; charset=utf-8");
        }).RequireRateLimiting(Protection.HeavyRequests).Needing(Scopes.SettlementRead).ExcludeFromDescription();
        app.MapGet("/page.css", () => Results.Bytes(Style, "text/css; charset=utf-8")).ForAnybody().ExcludeFromDescription();
    }

    /// <summary>Without a choice: the last day that was settled and had begun, else the last that was metered. A ledger
    /// may have runs of days to come, which were not refused once.</summary>
    private static LocalDate MostSettled(Answers answers, IReadOnlyList<LocalDate> days, Instant at) =>
        answers.Runs().LastOrDefault(run => SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[run.Zone],
            RowJson.Day(run.Day)).Start <= at) is { } begun ? RowJson.Day(begun.Day) : days[^1];

    /// <param name="asked">The position as of which it is asked for, null where it is of now, and the instruction of
    /// which it is shown how fast it was followed; null where none is.</param>
    private static async Task<Html> PageAsync(
        OpenLedger ledger, Answers answers, long? position, Instant at, IReadOnlyList<LocalDate> days, LocalDate? day,
        (long? Past, InstructionId? Followed) asked, CancellationToken ct)
    {
        var sections = new List<Html> { Choice(days, day, asked.Past) };
        if (day is { } shown)
        {
            var local = new LocalDay(answers, shown);
            var address = $"/?day={Iso(shown)}{(asked.Past is { } past ? $"&asOf={past}" : "")}";
            sections.Add(ExportSection.Of(answers, shown));
            sections.Add(await ComplianceSection.OfAsync(ledger, answers, (position ?? -1) + 1, at, local,
                    (address, asked.Followed), ct)
                .ConfigureAwait(false));
            sections.Add(LimitsSection.Of(answers, shown));
            sections.Add(ClaimsSection.Of(answers, local));
            sections.Add(await SettlementSection.OfAsync(ledger, answers, shown, ct).ConfigureAwait(false));
        }
        else
            sections.Add(Html.Format(
                $"<p class=\"empty\">Nothing is metered yet. Hand in a file with <code>ledger import FILE</code>.</p>"));
        sections.Add(RefusalsSection.Of(answers));
        return Frame(ledger, position, Html.Join(sections));
    }

    private static Html Frame(OpenLedger ledger, long? position, Html content)
    {
        var (length, root) = JournalState.Read(ledger);
        var known = position is { } at
            ? Html.Format($"as known after position {at}") : Html.Format($"nothing is recorded yet");
        return Html.Format($"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark"><title>Ledger {ledger.Journal.Ledger.Value}</title>
            <link rel="stylesheet" href="/page.css"></head><body>
            <a class="skip" href="#content">Skip to the content</a>
            <header><p class="brand">Ledger</p><h1>{ledger.Journal.Ledger.Value}</h1><p class="known">{known}</p></header>
            <main id="content">{content}</main>
            <footer><dl><dt>Journal</dt><dd>{length} facts</dd><dt>Digest</dt><dd><code>{root}</code></dd></dl>
            <p>The digest is the RFC 6962 Merkle root over all facts; <code>ledger replay --diff</code> computes every
            number here again. The same answers as JSON, to read and to try: <a href="/docs">/docs</a>, from <a
            href="/openapi/v1.json">/openapi/v1.json</a>.</p></footer>
            </body></html>
            """);
    }

    /// <summary>The days with verified energy, and the one that is shown: a call or a limit may hold on a day without
    /// any. Of a page of the past the others are too.</summary>
    private static Html Choice(IReadOnlyList<LocalDate> days, LocalDate? day, long? past)
    {
        if (day is { } shown && !days.Contains(shown)) days = [.. days.Append(shown).Order()];
        if (days.Count == 0) return Html.Nothing;
        var options = Html.Join(days.Select(each => each == day
            ? Html.Format($"<option selected>{Iso(each)}</option>")
            : Html.Format($"<option>{Iso(each)}</option>")));
        var asOf = past is { } position
            ? Html.Format($"<input type=\"hidden\" name=\"asOf\" value=\"{position}\">") : Html.Nothing;
        return Html.Format($"""
            <form method="get" action="/">{asOf}<label for="day">Settlement day</label>
            <select id="day" name="day">{options}</select> <button>Show</button></form>
            """);
    }

    public static string Iso(LocalDate day) => day.ToString("uuuu-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>A camel-case name in words.</summary>
    public static string Words(object name) => string.Concat($"{name}".Select((letter, i) =>
        i > 0 && char.IsUpper(letter) ? $" {char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));

    /// <summary>A time of a day by the clocks of a place; with its offset, because an hour comes twice where summer
    /// time ends.</summary>
    public static string Clock(Instant at, DateTimeZone zone) =>
        at.InZone(zone).ToString("HH:mmo<+HH:mm>", CultureInfo.InvariantCulture);

    public static string Kwh(Energy energy) => Grouped(decimal.Parse(energy.ToKwh(3), CultureInfo.InvariantCulture), 3);

    /// <summary>Rounded half to even, as pages of the command line are; thousands in groups, parted by a narrow
    /// no-break space.</summary>
    public static string Grouped(decimal value, int decimals) =>
        decimal.Round(value, decimals).ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
            .Replace(",", "\u202F").Replace("-", "\u2212");

    private static byte[] ReadStyle()
    {
        using var resource = typeof(DayPage).Assembly.GetManifestResourceStream("page.css")
            ?? throw new InvalidOperationException("page.css is not in the assembly");
        using var reader = new StreamReader(resource);
        return Encoding.UTF8.GetBytes(reader.ReadToEnd());
    }
}
