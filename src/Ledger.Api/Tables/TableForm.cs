using Ledger.Api.Resources;
using Ledger.Domain;

namespace Ledger.Api.Tables;

/// <summary>A form in which a table is given.</summary>
/// <param name="Name">As <c>format</c> and the end of a file's name say it.</param>
public sealed record TableForm(string Name, string Media)
{
    public static readonly TableForm Json = new("json", "application/json"),
        Csv = new("csv", "text/csv; charset=utf-8"),
        Lines = new("ndjson", "application/x-ndjson"),
        Xlsx = new("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        Parquet = new("parquet", "application/vnd.apache.parquet");

    internal static readonly TableForm[] All = [Json, Csv, Lines, Xlsx, Parquet];

    /// <summary>Whether it is made whole before it is sent, because its beginning depends on its end.</summary>
    public bool IsMadeWhole => this == Xlsx || this == Parquet;

    /// <summary>The form that a request asks for: by <c>format</c>, or else the first that it accepts and that there
    /// is. Throws where it asks for one that this answer does not have.</summary>
    internal static TableForm Of(HttpRequest request, ReadOperation? table)
    {
        var asked = Asked(request);
        return Find(request) is { } form && (form == Json || table is not null) ? form
            : throw new QueryRefusedException(Rejection.UnknownFormat, table is null
                ? $"format is '{asked}': this answer is no table, it is json"
                : $"format is '{asked}': must be {string.Join(", ", All.Select(each => each.Name))}");
    }

    /// <summary>The form that is asked for; null where there is no such form.</summary>
    public static TableForm? Find(HttpRequest request) => Array.Find(All, form => form.Name == Asked(request));

    /// <summary>Whether a request asks for a table as a file.</summary>
    public static bool IsFile(HttpRequest request) => Find(request) is { } form && form != Json;

    private static string Asked(HttpRequest request) =>
        request.Query["format"] is { Count: > 0 } given ? given.ToString()
        : request.Headers.Accept.ToString().Split(',')
            .Select(each => each.Split(';')[0].Trim())
            .Select(media => media is "*/*" or "application/*" ? Json : Array.Find(All, form =>
                form.Media.Split(';')[0].Equals(media, StringComparison.OrdinalIgnoreCase)))
            .FirstOrDefault(form => form is not null)?.Name ?? Json.Name;
}
