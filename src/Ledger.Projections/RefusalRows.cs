using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>
/// The rows of what counts nowhere that somebody reaches, in order of position. They are read some positions at a time
/// and handed on one by one, because there may be very many, and whoever asks for a page takes a few.
/// </summary>
internal static class RefusalRows
{
    private const string View = "Refusals";
    /// <summary>Positions that are read at once, at first and at most; more where few of them were refused.</summary>
    private const long PositionsFirst = 1024, PositionsMost = 1L << 40;
    /// <summary>Rows above which as many positions are enough at once.</summary>
    private const int RowsEnough = 512;

    /// <summary>Those from a position on.</summary>
    public static IEnumerable<RefusalsView.Refusal> From(IViewStore views, Reach reach, long position, long? asOf)
    {
        if (!IsOfAny(reach)) yield break;
        var last = Math.Min(asOf ?? long.MaxValue, views.Checkpoint(View) - 1);
        var positions = PositionsFirst;
        while (position <= last)
        {
            var end = last - position < positions ? last : position + positions - 1;
            var rows = Between(views, reach, position, end, asOf);
            foreach (var row in rows) yield return row;
            position = end + 1;
            if (rows.Count < RowsEnough) positions = Math.Min(positions * 2, PositionsMost);
            else positions = Math.Max(positions / 2, 1);
        }
    }

    /// <summary>The one at a position; null where there is none that is reached.</summary>
    public static RefusalsView.Refusal? At(IViewStore views, Reach reach, long position, long? asOf) =>
        IsOfAny(reach) && (reach.Account is not { } party
            || views.Get(View, RefusalsView.Of(party, position), asOf) is not null)
            ? Row(views, position, asOf) : null;

    private static bool IsOfAny(Reach reach) => reach.IsEverything || reach is
    { Account: not null } and not { Owner: not null, Stations: not null };

    private static List<RefusalsView.Refusal> Between(
        IViewStore views, Reach reach, long first, long last, long? asOf) =>
        reach.Account is { } party
            ? [.. views.Range(View, RefusalsView.Of(party, first), RefusalsView.Of(party, last), asOf)
                .Select(row => Row(views, RowJson.Read<RefusalsView.Place>(row.Json)!.Position, asOf)!)]
            : [.. views.Range(View, RefusalsView.Key(first), RefusalsView.Key(last), asOf)
                .Select(row => RowJson.Read<RefusalsView.Refusal>(row.Json)!)];

    private static RefusalsView.Refusal? Row(IViewStore views, long position, long? asOf) =>
        RowJson.Read<RefusalsView.Refusal>(views.Get(View, RefusalsView.Key(position), asOf));
}
