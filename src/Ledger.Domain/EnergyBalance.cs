namespace Ledger.Domain;

/// <summary>
/// What one settlement point of a station measured in one period; null where nothing is known of a direction.
/// </summary>
/// <param name="LossPartsPerMillion">
/// Losses declared between the point and the grid connection, in millionths of its energy; 0 where none are declared.
/// </param>
/// <param name="FixedLoss">Losses declared for the whole period, whatever flows; zero where none are declared.</param>
public sealed record BalancePoint(
    SettlementPointId Point, SettlementPointKind Kind, bool Bidirectional, Energy? Import, Energy? Export,
    int LossPartsPerMillion = 0, Energy FixedLoss = default);

/// <summary>
/// A child's part of the balance: what it measured, the losses allocated to each direction, and its part of the energy
/// that the grid connection exported.
/// </summary>
public sealed record BalancePart(
    SettlementPointId Point, SettlementPointKind Kind, Energy Import, Energy Export,
    Energy ImportLosses, Energy ExportLosses, Energy Attributed);

/// <summary>The balance of a station in one period.</summary>
public abstract record StationEnergy
{
    private StationEnergy() { }

    /// <summary>Something was not measured, so nothing is said: a missing quantity is never a zero.</summary>
    /// <param name="Missing">The registers without a quantity: of the connection, then of the children by id.</param>
    public sealed record Unproven(IReadOnlyList<RegisterId> Missing) : StationEnergy;

    /// <summary>Each step of the balance, so that it can be computed again by hand.</summary>
    /// <param name="Import">What the connection imported.</param>
    /// <param name="Export">What the connection exported; the four attributions below sum to it exactly.</param>
    /// <param name="Residual">What went in (connection import, children's export) less what came out.</param>
    /// <param name="Losses">The residual where it is above zero, else zero.</param>
    /// <param name="Surplus">The negated residual where it is below zero: energy that no point measured going in.</param>
    /// <param name="OwnUse">The losses of a period in which nothing flowed that could bear them.</param>
    /// <param name="V2gMeasured">Export of the bidirectional connectors, as measured.</param>
    /// <param name="V2gAfterLosses">The same less its losses.</param>
    /// <param name="VerifiedV2g">The same, at most the connection's export.</param>
    /// <param name="Storage">What is attributed to storage.</param>
    /// <param name="Photovoltaic">What is attributed to photovoltaic plants.</param>
    /// <param name="Unattributed">The connection's export that no child measured.</param>
    /// <param name="Parts">One for each child, by id; their losses and the own use sum to the losses exactly.</param>
    public sealed record Proven(
        Energy Import, Energy Export, Energy Residual, Energy Losses, Energy Surplus, Energy OwnUse,
        Energy V2gMeasured, Energy V2gAfterLosses, Energy VerifiedV2g, Energy Storage, Energy Photovoltaic,
        Energy Unattributed, IReadOnlyList<BalancePart> Parts) : StationEnergy;
}

/// <summary>
/// The energy balance of a grid connection and the points behind it, in one settlement period.
/// <list type="number">
/// <item>Every direction of every point must be known; only the export of a connector that is not bidirectional is
/// zero by its master data.</item>
/// <item>Residual = connection import + children's export − connection export − children's import. Above zero it is
/// losses, below zero a surplus (market rules §2.10: split by sign).</item>
/// <item>Losses go first to what is declared, as far as they reach: to each direction of a point in proportion to its
/// declared losses. A fixed loss belongs to the directions of its point in proportion to their energy, and to import
/// where nothing flowed. The rest is shared by all directions in proportion to their energy.</item>
/// <item>A bidirectional connector's verified export is what it measured less the losses of its export, never below
/// zero; all of them together are at most the connection's own export, reduced in proportion.</item>
/// <item>The rest of the connection's export is attributed to storage and photovoltaic plants in proportion to what
/// they exported, at most all of it. What is still left was measured by no child and is said to be unattributed.</item>
/// </list>
/// Every division is by largest remainder (<see cref="Attribution"/>), exact to the half nanojoule.
/// </summary>
public static class EnergyBalance
{
    /// <summary>A declared loss factor is in millionths.</summary>
    public const int PartsPerWhole = 1_000_000;

    /// <param name="children">All points behind the connection, in any order, each once.</param>
    public static StationEnergy Of(BalancePoint connection, IReadOnlyList<BalancePoint> children)
    {
        var points = children.OrderBy(child => child.Point).Select(WithWhatItCanNotDo).ToList();
        var missing = points.Prepend(connection).SelectMany(Missing).ToList();
        if (missing.Count > 0) return new StationEnergy.Unproven(missing);

        var (import, export) = (connection.Import!.Value, connection.Export!.Value);
        var flows = points.SelectMany(Flows).ToList();
        var residual = import - export + Sum(flows.Select(flow =>
            flow.Register.Direction == Direction.Export ? flow.Energy : -flow.Energy));
        var losses = Energy.Max(residual, Energy.Zero);
        var lost = flows.Zip(Allocated(losses, flows))
            .ToDictionary(pair => pair.First.Register, pair => pair.Second);

        var v2g = points.Where(point => point is { Kind: SettlementPointKind.Connector, Bidirectional: true }).ToList();
        var arriving = v2g.ConvertAll(point => (Id: point.Point.Value, Energy:
            Energy.Max(Energy.Zero, point.Export!.Value - lost[new(point.Point, Direction.Export)])));
        var afterLosses = Sum(arriving.Select(point => point.Energy));
        var verified = Energy.Min(afterLosses, export);

        var others = points.Where(point => point.Kind is SettlementPointKind.Storage or SettlementPointKind.Photovoltaic)
            .Select(point => (Id: point.Point.Value, Energy: point.Export!.Value)).ToList();
        var rest = Energy.Min(export - verified, Sum(others.Select(point => point.Energy)));

        var attributed = Divided(verified, arriving).Concat(Divided(rest, others)).ToDictionary();
        var parts = points.ConvertAll(point => new BalancePart(
            point.Point, point.Kind, point.Import!.Value, point.Export!.Value,
            lost[new(point.Point, Direction.Import)], lost[new(point.Point, Direction.Export)],
            attributed.GetValueOrDefault(point.Point.Value)));
        return new StationEnergy.Proven(
            import, export, residual, losses, losses - residual, losses - Sum(lost.Values),
            Sum(v2g.Select(point => point.Export!.Value)), afterLosses, verified,
            AttributedTo(SettlementPointKind.Storage), AttributedTo(SettlementPointKind.Photovoltaic),
            export - verified - rest, parts);

        Energy AttributedTo(SettlementPointKind kind) =>
            Sum(parts.Where(part => part.Kind == kind).Select(part => part.Attributed));
    }

    /// <summary>One direction of a child: what flowed, and the losses that are declared for it.</summary>
    private sealed record Flow(RegisterId Register, Energy Energy, Energy Declared);

    private static BalancePoint WithWhatItCanNotDo(BalancePoint child) =>
        child is { Kind: SettlementPointKind.Connector, Bidirectional: false, Export: null }
            ? child with { Export = Energy.Zero } : child;

    private static IEnumerable<RegisterId> Missing(BalancePoint point)
    {
        if (point.Import is null) yield return new(point.Point, Direction.Import);
        if (point.Export is null) yield return new(point.Point, Direction.Export);
    }

    private static IEnumerable<Flow> Flows(BalancePoint point)
    {
        var (import, export) = (point.Import!.Value, point.Export!.Value);
        var flowed = import + export > Energy.Zero;
        var exportShare = flowed ? Divided(point.FixedLoss, [("1.8.0", import), ("2.8.0", export)])["2.8.0"] : default;
        yield return new(new(point.Point, Direction.Import), import,
            Share(point, import) + point.FixedLoss - exportShare);
        yield return new(new(point.Point, Direction.Export), export, Share(point, export) + exportShare);
    }

    private static Energy Share(BalancePoint point, Energy energy) => new(Energy.DivideHalfEven(
        energy.HalfNanojoules * point.LossPartsPerMillion, PartsPerWhole));

    /// <summary>The losses of each flow: as declared or in proportion to that, and the rest in proportion to energy.</summary>
    private static IEnumerable<Energy> Allocated(Energy losses, List<Flow> flows)
    {
        var declared = Energy.Min(losses, Sum(flows.Select(flow => flow.Declared)));
        var own = Divided(declared, [.. flows.Select(flow => (flow.Register.ToString(), flow.Declared))]);
        var shared = Divided(losses - declared, [.. flows.Select(flow => (flow.Register.ToString(), flow.Energy))]);
        return flows.Select(flow => own[flow.Register.ToString()] + shared[flow.Register.ToString()]);
    }

    /// <summary>The parts by id; where nothing has a weight, nothing is given.</summary>
    private static Dictionary<string, Energy> Divided(Energy whole, List<(string Id, Energy Weight)> shares)
    {
        var weightless = shares.All(share => share.Weight == Energy.Zero);
        var parts = Attribution.Parts(weightless ? Energy.Zero : whole, shares);
        return shares.Zip(parts).ToDictionary(pair => pair.First.Id, pair => pair.Second);
    }

    private static Energy Sum(IEnumerable<Energy> energies) => energies.Aggregate(Energy.Zero, (sum, next) => sum + next);
}
