using CsCheck;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The laws of a station's balance; its worked cases are in Scenarios/calc-balance.txt.</summary>
public sealed class EnergyBalanceTests(ITestOutputHelper output)
{
    private static readonly Gen<Energy> Energies = Gen.OneOf(
        Gen.Const(Energy.Zero), Gen.Int[0, 20].Select(i => new Energy(i)),
        Gen.Long[0, 1_000_000_000_000_000_000].Select(l => new Energy(l)));

    private static readonly Gen<Energy?> Measured =
        Gen.Select(Energies, Gen.Int[0, 199], (energy, i) => i == 0 ? null : (Energy?)energy);

    private static readonly Gen<BalancePoint> Children = Gen.Select(
        Gen.Int[2, 4], Gen.Bool, Measured, Measured, Gen.Int[0, 3], Energies,
        (kind, bidirectional, import, export, factor, fixedLoss) => new BalancePoint(
            new("P"), (SettlementPointKind)kind, bidirectional, import, export, factor * 20_000,
            factor == 3 ? fixedLoss : Energy.Zero));

    // One point of four lies behind an earlier one.
    private static readonly Gen<(BalancePoint Connection, BalancePoint[] Points)> Stations = Gen.Select(
        Measured, Measured, Gen.Select(Children, Gen.Int[0, 11]).Array[0, 6], (import, export, points) => (
            new BalancePoint(new("G"), SettlementPointKind.GridConnection, true, import, export),
            points.Select((point, i) => point.Item1 with
            {
                Point = new($"P{i}"),
                Parent = point.Item2 < i ? new SettlementPointId($"P{point.Item2}") : null,
            }).ToArray()));

    [Fact]
    public void The_export_is_attributed_and_the_losses_are_allocated_exactly()
    {
        var seen = new SampleShares(("proven", 50), ("capped", 2), ("a surplus", 10), ("points behind points", 10));
        Stations.Sample((connection, points) =>
        {
            var balance = EnergyBalance.Of(connection, points) as StationEnergy.Proven;
            seen.Add(balance is not null, balance?.VerifiedV2g < balance?.V2gAfterLosses,
                balance?.Surplus > Energy.Zero,
                balance?.Parts.Count < points.Length);
            if (balance is null) return;
            (balance.VerifiedV2g + balance.Storage + balance.Photovoltaic + balance.Unattributed)
                .ShouldBe(connection.Export!.Value);
            (Sum(balance.Parts, part => part.Attributed) + balance.Unattributed).ShouldBe(connection.Export.Value);
            (Sum(balance.Parts, part => part.ImportLosses + part.ExportLosses) + balance.OwnUse)
                .ShouldBe(balance.Losses);
            (balance.Losses - balance.Surplus).ShouldBe(balance.Residual);
            foreach (var part in balance.Parts)
            {
                new[] { part.ImportLosses, part.ExportLosses, part.Attributed }.Where(energy => energy < Energy.Zero)
                    .ShouldBeEmpty();
                part.Attributed.ShouldBeLessThanOrEqualTo(part.Export);
                if (part.Kind == SettlementPointKind.Connector)
                    part.Attributed.ShouldBeLessThanOrEqualTo(Energy.Max(Energy.Zero, part.Export - part.ExportLosses));
            }
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void Points_in_a_circle_have_no_balance()
    {
        BalancePoint Point(string name, string parent) => new(
            new(name), SettlementPointKind.Storage, true, Energy.Zero, Energy.Zero, Parent: new(parent));
        var connection = Point("G", "G") with { Parent = null };
        Should.Throw<InvalidOperationException>(() => EnergyBalance.Of(
            connection, [Point("A", "B"), Point("B", "A"), Point("C", "A")])).Message.ShouldBe("A lies behind itself");
    }

    [Fact]
    public void What_lies_behind_a_point_is_attributed_no_more_than_that_point_exported() =>
        Stations.Sample((connection, points) =>
    {
        if (EnergyBalance.Of(connection, points) is not StationEnergy.Proven balance) return;
        var byId = points.ToDictionary(point => point.Point);
        foreach (var node in points.Where(node => points.Any(point => point.Parent == node.Point)))
            Sum(balance.Parts.Where(part => IsBehind(part.Point, node.Point)), part => part.Attributed)
                .ShouldBeLessThanOrEqualTo(node.Export ?? Energy.Zero);

        bool IsBehind(SettlementPointId point, SettlementPointId node) =>
            byId[point].Parent is { } parent && (parent == node || IsBehind(parent, node));
    }, iter: LongRun.Samples);

    [Fact]
    public void The_order_of_the_points_changes_nothing() => Gen.Select(Stations, Gen.Int).Sample((station, seed) =>
    {
        var shuffled = station.Points.ToArray();
        new Random(seed).Shuffle(shuffled);
        Text(EnergyBalance.Of(station.Connection, shuffled))
            .ShouldBe(Text(EnergyBalance.Of(station.Connection, station.Points)));
    }, iter: LongRun.Samples);

    [Fact]
    public void A_missing_quantity_of_any_point_proves_nothing_and_is_named() => Stations.Sample((connection, points) =>
    {
        var missing = points.Prepend(connection).SelectMany(point => new[]
        {
            point.Import is null ? $"{point.Point}/1.8.0" : null,
            point.Export is null && (point.Kind != SettlementPointKind.Connector || point.Bidirectional)
                ? $"{point.Point}/2.8.0" : null,
        }.OfType<string>());
        var named = EnergyBalance.Of(connection, points) is StationEnergy.Unproven unproven ? unproven.Missing : [];
        named.Select(register => register.ToString()).ShouldBe(missing);
    }, iter: LongRun.Samples);

    private static Energy Sum(IEnumerable<BalancePart> parts, Func<BalancePart, Energy> energy) =>
        parts.Aggregate(Energy.Zero, (sum, part) => sum + energy(part));

    private static string Text(StationEnergy energy) => energy switch
    {
        StationEnergy.Proven proven => $"{proven with { Parts = [] }} {string.Join(' ', proven.Parts)}",
        StationEnergy.Unproven unproven => string.Join(' ', unproven.Missing),
        _ => "",
    };
}
