namespace Ledger.Domain;

/// <summary>
/// What one settlement point of a station measured in one period; null where nothing is known of a direction.
/// </summary>
/// <param name="LossPartsPerMillion">
/// Losses declared between the point and the grid connection, in millionths of its energy; 0 where none are declared.
/// </param>
/// <param name="FixedLoss">Losses declared for the whole period, whatever flows; zero where none are declared.</param>
/// <param name="Parent">The point behind which it lies; null for the grid connection itself.</param>
public sealed record BalancePoint(
    SettlementPointId Point, SettlementPointKind Kind, bool Bidirectional, Energy? Import, Energy? Export,
    int LossPartsPerMillion = 0, Energy FixedLoss = default, SettlementPointId? Parent = null);

/// <summary>
/// A leaf's part of the balance: what it measured, the losses allocated to each direction, and its part of the energy
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
    /// <param name="Missing">The registers without a quantity: of the connection, then of the points by id.</param>
    public sealed record Unproven(IReadOnlyList<RegisterId> Missing) : StationEnergy;

    /// <summary>Each step of the balance, so that it can be computed again by hand.</summary>
    /// <param name="Import">What the connection imported.</param>
    /// <param name="Export">What the connection exported; the four attributions below sum to it exactly.</param>
    /// <param name="Residual">What went in (connection import, leaves' export) less what came out.</param>
    /// <param name="Losses">The residual where it is above zero, else zero.</param>
    /// <param name="Surplus">The negated residual where it is below zero: energy that nobody measured going in.</param>
    /// <param name="OwnUse">The losses of a period in which nothing flowed that could bear them.</param>
    /// <param name="V2gMeasured">Export of the bidirectional connectors, as measured.</param>
    /// <param name="V2gAfterLosses">The same less its losses.</param>
    /// <param name="VerifiedV2g">The same, at most the export of every point on the way to the grid.</param>
    /// <param name="Storage">What is attributed to storage.</param>
    /// <param name="Photovoltaic">What is attributed to photovoltaic plants.</param>
    /// <param name="Unattributed">The connection's export that no leaf measured.</param>
    /// <param name="Parts">One for each leaf, by id; their losses and the own use sum to the losses exactly.</param>
    public sealed record Proven(
        Energy Import, Energy Export, Energy Residual, Energy Losses, Energy Surplus, Energy OwnUse,
        Energy V2gMeasured, Energy V2gAfterLosses, Energy VerifiedV2g, Energy Storage, Energy Photovoltaic,
        Energy Unattributed, IReadOnlyList<BalancePart> Parts) : StationEnergy;
}

/// <summary>
/// The energy balance of a grid connection and the points behind it, in one settlement period. The points form a tree:
/// what lies behind another point is measured by that one too, so only the leaves are added up.
/// <list type="number">
/// <item>Every direction of every point must be known; only the export of a connector that is not bidirectional is
/// zero by its master data.</item>
/// <item>Residual = connection import + leaves' export − connection export − leaves' import. Above zero it is losses,
/// below zero a surplus (market rules §2.10: split by sign).</item>
/// <item>Losses go first to what is declared, as far as they reach: to each direction of a leaf in proportion to its
/// declared losses. A fixed loss belongs to the directions of its leaf in proportion to their energy, and to import
/// where nothing flowed. The rest is shared by all directions in proportion to their energy.</item>
/// <item>A bidirectional connector's verified export is what it measured less the losses of its export, never below
/// zero. Together, those behind one point are at most that point's own export, reduced in proportion: from the
/// deepest point to the connection.</item>
/// <item>The rest of each export is attributed to storage and photovoltaic plants in proportion to what they exported,
/// at most all of it, in the same order. What the connection has left was measured by no leaf and is said to be
/// unattributed.</item>
/// </list>
/// Every division is by largest remainder (<see cref="Attribution"/>), exact to the half nanojoule.
/// </summary>
public static class EnergyBalance
{
    /// <summary>A declared loss factor is in millionths.</summary>
    public const int PartsPerWhole = 1_000_000;

    /// <param name="points">
    /// All points behind the connection, in any order, each once; each parent is one of them or the connection, and no
    /// point lies behind itself.
    /// </param>
    public static StationEnergy Of(BalancePoint connection, IReadOnlyList<BalancePoint> points)
    {
        var known = points.OrderBy(point => point.Point).Select(WithWhatItCanNotDo).ToList();
        var missing = known.Prepend(connection).SelectMany(Missing).ToList();
        if (missing.Count > 0) return new StationEnergy.Unproven(missing);

        var tree = new Tree(connection, known);
        var (import, export) = (connection.Import!.Value, connection.Export!.Value);
        var flows = tree.Leaves.SelectMany(Flows).ToList();
        var residual = import - export + Sum(flows.Select(flow =>
            flow.Register.Direction == Direction.Export ? flow.Energy : -flow.Energy));
        var losses = Energy.Max(residual, Energy.Zero);
        var lost = flows.Zip(Allocated(losses, flows))
            .ToDictionary(pair => pair.First.Register, pair => pair.Second);

        var v2g = tree.Leaves.FindAll(leaf => leaf is { Kind: SettlementPointKind.Connector, Bidirectional: true });
        var arriving = v2g.ToDictionary(leaf => leaf.Point.Value, leaf =>
            Energy.Max(Energy.Zero, leaf.Export!.Value - lost[new(leaf.Point, Direction.Export)]));
        var verified = tree.Capped(arriving, node => node.Export!.Value);
        var rest = tree.Capped(
            tree.Leaves.Where(leaf => leaf.Kind is SettlementPointKind.Storage or SettlementPointKind.Photovoltaic)
                .ToDictionary(leaf => leaf.Point.Value, leaf => leaf.Export!.Value),
            node => node.Export!.Value - tree.Behind(node, verified));

        var parts = tree.Leaves.ConvertAll(leaf => new BalancePart(
            leaf.Point, leaf.Kind, leaf.Import!.Value, leaf.Export!.Value,
            lost[new(leaf.Point, Direction.Import)], lost[new(leaf.Point, Direction.Export)],
            verified.GetValueOrDefault(leaf.Point.Value) + rest.GetValueOrDefault(leaf.Point.Value)));
        return new StationEnergy.Proven(
            import, export, residual, losses, losses - residual, losses - Sum(lost.Values),
            Sum(v2g.Select(leaf => leaf.Export!.Value)), Sum(arriving.Values), Sum(verified.Values),
            AttributedTo(SettlementPointKind.Storage), AttributedTo(SettlementPointKind.Photovoltaic),
            export - Sum(verified.Values) - Sum(rest.Values), parts);

        Energy AttributedTo(SettlementPointKind kind) =>
            Sum(parts.Where(part => part.Kind == kind).Select(part => part.Attributed));
    }

    /// <summary>The points of a station: leaves by id, and what they lie behind,
    /// from the deepest to the connection.</summary>
    private sealed class Tree
    {
        private readonly Dictionary<SettlementPointId, HashSet<string>> behind = [];

        public Tree(BalancePoint connection, List<BalancePoint> points)
        {
            var byId = points.ToDictionary(point => point.Point);
            var parents = points.Select(point => point.Parent).ToHashSet();
            Leaves = points.FindAll(point => !parents.Contains(point.Point));
            var depths = new Dictionary<SettlementPointId, int> { [connection.Point] = 0 };
            behind[connection.Point] = [.. Leaves.Select(leaf => leaf.Point.Value)];
            foreach (var leaf in Leaves)
                foreach (var (node, below) in Ancestors(leaf).Reverse().Select((node, depth) => (node, depth + 1)))
                {
                    depths[node.Point] = below;
                    behind.TryAdd(node.Point, []);
                    behind[node.Point].Add(leaf.Point.Value);
                }
            Nodes = [.. points.Append(connection).Where(point => depths.ContainsKey(point.Point))
                .OrderByDescending(point => depths[point.Point]).ThenBy(point => point.Point)];

            IEnumerable<BalancePoint> Ancestors(BalancePoint leaf)
            {
                var seen = new HashSet<SettlementPointId> { leaf.Point };
                for (var at = leaf; at.Parent is { } parent && byId.TryGetValue(parent, out at);)
                    yield return seen.Add(parent) ? at
                        : throw new InvalidOperationException($"{parent} lies behind itself");
            }
        }

        public List<BalancePoint> Leaves { get; }
        private List<BalancePoint> Nodes { get; }

        /// <summary>What is claimed by the leaves behind a node.</summary>
        public Energy Behind(BalancePoint node, Dictionary<string, Energy> claims) =>
            Sum(claims.Where(claim => behind[node.Point].Contains(claim.Key)).Select(claim => claim.Value));

        /// <summary>The claims of leaves, reduced in proportion where those behind a node exceed its room.</summary>
        public Dictionary<string, Energy> Capped(Dictionary<string, Energy> claims, Func<BalancePoint, Energy> room)
        {
            var capped = new Dictionary<string, Energy>(claims);
            foreach (var node in Nodes.Where(node => Behind(node, capped) > room(node)))
            {
                var claimed = capped.Where(claim => behind[node.Point].Contains(claim.Key));
                foreach (var (id, part) in Divided(room(node), [.. claimed.Select(claim => (claim.Key, claim.Value))]))
                    capped[id] = part;
            }
            return capped;
        }
    }

    /// <summary>One direction of a leaf: what flowed, and the losses that are declared for it.</summary>
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

    /// <summary>The losses of each flow: as far as declared, and the rest in proportion to energy.</summary>
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

    private static Energy Sum(IEnumerable<Energy> energies) =>
        energies.Aggregate(Energy.Zero, (sum, next) => sum + next);
}
