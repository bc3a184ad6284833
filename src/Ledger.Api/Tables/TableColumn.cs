using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Tables;

/// <summary>What the values of a column are, beside those that are not there: integers of 64 bits and beyond, energies
/// in kWh, powers in kW, money, and numbers of all else.</summary>
public enum CellKind { Text, TruthValue, Instant, Integer, LargeInteger, Energy, Power, Money, Number }

/// <summary>
/// A column of a table: one that stands inside another has both names with a dot between, and a list is its JSON. The
/// columns are those of the rows' type, so that they are the same whatever rows there are, and none at all.
/// </summary>
/// <param name="Kind">Null where only the values say it.</param>
public sealed record TableColumn(string Name, CellKind? Kind)
{
    private const int DepthMax = 4; // of members within members; a type that holds itself is then its JSON

    /// <summary>The columns of a type of rows; null where the type does not say what its rows have.</summary>
    public static IReadOnlyList<TableColumn>? Of(Type row) =>
        typeof(JsonNode).IsAssignableFrom(row) || RowJson.Members(row) is not { } members ? null
            : [.. members.SelectMany(member => Of(member.Name, member.Type, 1))];

    /// <summary>The columns that some rows have, in the order in which they come.</summary>
    public static IReadOnlyList<TableColumn> Of(IEnumerable<ReadOnlyMemory<byte>> rows)
    {
        var kinds = new Dictionary<string, CellKind?>(StringComparer.Ordinal);
        foreach (var row in rows) Gather("", JsonNode.Parse(row.Span), kinds);
        return [.. kinds.Select(column => new TableColumn(column.Key, column.Value ?? CellKind.Text))];
    }

    private static IEnumerable<TableColumn> Of(string name, Type type, int depth)
    {
        var single = Nullable.GetUnderlyingType(type) ?? type;
        if (KindOf(name, single) is { } kind) return [new(name, kind)];
        return depth >= DepthMax || RowJson.Members(single) is not { Count: > 0 } members ? [new(name, CellKind.Text)]
            : members.SelectMany(member => Of($"{name}.{member.Name}", member.Type, depth + 1));
    }

    /// <summary>A primitive bears its unit last in its name, so a text with a unit is a figure, and null is no unit;
    /// what a kWh costs is no energy.</summary>
    public static CellKind? UnitOf(string name) =>
        name.EndsWith("PerKwh", StringComparison.Ordinal) || name.EndsWith("PerKw", StringComparison.Ordinal)
            ? CellKind.Number
        : Ends(name, "Kwh", "kwh") ? CellKind.Energy
        : Ends(name, "Kw", "kw") ? CellKind.Power : null;

    private static bool Ends(string name, string unit, string alone) => name == alone
        || name.EndsWith(unit, StringComparison.Ordinal) || name.EndsWith($".{alone}", StringComparison.Ordinal);

    private static CellKind? KindOf(string name, Type type) =>
        type == typeof(string) ? UnitOf(name) ?? CellKind.Text
        : type == typeof(decimal) ? UnitOf(name) ?? CellKind.Number
        : type == typeof(Money) ? CellKind.Money
        : type == typeof(int) || type == typeof(long) ? CellKind.Integer
        : type == typeof(Energy) ? CellKind.LargeInteger // half nanojoules
        : type == typeof(bool) ? CellKind.TruthValue
        : type == typeof(Instant) ? CellKind.Instant
        : type.IsEnum || type.Namespace == nameof(NodaTime) ? CellKind.Text : null;

    private static void Gather(string name, JsonNode? value, Dictionary<string, CellKind?> kinds)
    {
        if (value is JsonObject parts && (parts.Count > 0 || name.Length == 0))
        {
            foreach (var (part, inner) in parts) Gather(name.Length == 0 ? part : $"{name}.{part}", inner, kinds);
            return;
        }
        var kind = value?.GetValueKind() switch
        {
            null => (CellKind?)null,
            JsonValueKind.Number => value!.AsValue().TryGetValue<long>(out _) ? CellKind.Integer : CellKind.Number,
            JsonValueKind.True or JsonValueKind.False => CellKind.TruthValue,
            _ => CellKind.Text,
        };
        if (!kinds.TryGetValue(name, out var known) || known is null) kinds[name] = kind;
        else if (kind is not null && kind != known)
            kinds[name] = (kind, known) is (CellKind.Integer, CellKind.Number) or (CellKind.Number, CellKind.Integer)
                ? CellKind.Number : CellKind.Text;
    }
}
