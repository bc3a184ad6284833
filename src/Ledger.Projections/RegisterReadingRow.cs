using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What a register showed at an instant.</summary>
/// <param name="IndexSteps">In steps of the register's last digit.</param>
/// <param name="IndexKwh">The same as the register shows it, its factor not applied; null where it was not
/// installed.</param>
/// <param name="Version">The latest, which a correction names as the one that it takes the place of.</param>
public sealed record RegisterReadingRow(
    string Point, Direction Direction, Instant ReadAt, long IndexSteps, string? IndexKwh, ReadingQuality Quality,
    int Version)
{
    internal static RegisterReadingRow Of(
        RegisterId register, VerifiedExport.ReadingRow reading, IReadOnlyList<MasterData.RegisterRow> installed)
    {
        var shown = installed.LastOrDefault(each =>
            each.Register == register.ToString() && each.ValidFrom <= reading.ReadAt);
        return new(register.Point.Value, register.Direction, reading.ReadAt, reading.IndexSteps,
            shown is null ? null : RowJson.Text(reading.IndexSteps * new decimal(1, 0, 0, false, (byte)shown.Decimals)),
            reading.Quality, reading.Version);
    }
}
