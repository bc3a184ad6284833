using Ledger.Api.Resources;
using Ledger.Domain;
using Microsoft.Net.Http.Headers;

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
    private static readonly TableForm[] OnlyJson = [Json];

    /// <summary>Whether it is made whole before it is sent, because its beginning depends on its end.</summary>
    public bool IsMadeWhole => this == Xlsx || this == Parquet;

    /// <summary>The form that a request asks for: by <c>format</c>, or else the one that it accepts most gladly. Throws
    /// where it asks for one that this answer does not have.</summary>
    internal static TableForm Of(HttpRequest request, ReadOperation? table)
    {
        var forms = table is null ? OnlyJson : All;
        var names = string.Join(", ", forms.Select(each => each.Name));
        if (request.Query["format"] is { Count: > 0 } given)
            return Array.Find(forms, form => form.Name == given.ToString())
                ?? throw new QueryRefusedException(Rejection.UnknownFormat, table is null
                    ? $"format is '{given}': this answer is no table, it is json" : $"format is '{given}': must be {names}");
        return Accepted(request, forms)
            ?? throw new NotAcceptableException($"Accept is '{request.Headers.Accept}': this answer is given as {names}");
    }

    /// <summary>
    /// The form that is accepted most gladly (RFC 9110, 12.5.1): of each form the range counts that names it most
    /// exactly. Of what is accepted as gladly the one that is named first, and by ranges of many the first that there
    /// is. Who says nothing, or nothing that can be read, accepts everything; null where no form is accepted.
    /// </summary>
    private static TableForm? Accepted(HttpRequest request, TableForm[] forms)
    {
        if (request.Headers.Accept is [] or ["*/*"]) return Json;
        var ranges = request.GetTypedHeaders().Accept;
        if (ranges.Count == 0) return Json;
        TableForm? best = null;
        var (gladly, named) = (0.0, int.MaxValue);
        foreach (var form in forms)
        {
            var (quality, place) = form.QualityIn(ranges);
            if (quality > gladly || (quality > 0 && quality == gladly && place < named))
                (best, gladly, named) = (form, quality, place);
        }
        return best;
    }

    private (double Quality, int Place) QualityIn(IList<MediaTypeHeaderValue> ranges)
    {
        var (quality, place, exactness) = (0.0, int.MaxValue, 0);
        for (var i = 0; i < ranges.Count; i++)
        {
            var exact = ExactnessIn(ranges[i]);
            if (exact > exactness) (quality, place, exactness) = (ranges[i].Quality ?? 1, i, exact);
        }
        return (quality, place);
    }

    /// <summary>3 where a range names this form, 2 its type, 1 everything, 0 something else.</summary>
    private int ExactnessIn(MediaTypeHeaderValue range)
    {
        var media = Media.Split(';')[0];
        return range.MediaType.Equals(media, StringComparison.OrdinalIgnoreCase) ? 3
            : range.MatchesAllTypes ? 1
            : range.MatchesAllSubTypes && range.Type.Equals(media.Split('/')[0], StringComparison.OrdinalIgnoreCase) ? 2
            : 0;
    }
}

/// <summary>A caller accepts none of the forms that an answer has.</summary>
public sealed class NotAcceptableException(string detail) : Exception(detail);
