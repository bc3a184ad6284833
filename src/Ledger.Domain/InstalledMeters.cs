using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>That a meter counts a register, from its installation on until the next one there.</summary>
/// <param name="IsFirst">Whether it is the register's first, which also counts what was read before it.</param>
/// <param name="Until">Null where no other was installed since.</param>
public sealed record MeterInstalled(RegisterId Register, Instant From, bool IsFirst, Instant? Until)
{
    public bool Holds(Instant at) => (IsFirst || From <= at) && (Until is not { } end || at < end);
}

/// <summary>
/// Which register a meter counts, by the meter's serial number: the inverse of <see cref="RegisterState.InForce"/>. A
/// value that names its meter counts where that was installed at the value's time. It may have hung elsewhere before,
/// and may be moved later; where another took its place and it was not installed again, it counts nowhere.
/// </summary>
public sealed class InstalledMeters
{
    public static readonly InstalledMeters None = Of([]);

    private readonly ImmutableDictionary<string, ImmutableList<MeterInstalled>> bySerial;

    private InstalledMeters(IEnumerable<(string Serial, MeterInstalled Installed)> all) =>
        bySerial = all.GroupBy(each => each.Serial, each => each.Installed, StringComparer.Ordinal)
            .ToImmutableDictionary(meter => meter.Key, ImmutableList.CreateRange, StringComparer.Ordinal);

    /// <param name="installations">In order of their recording: of two for one instant the later one holds.</param>
    public static InstalledMeters Of(IEnumerable<RegisterInForce> installations) => new(installations
        .GroupBy(each => each.Installed.Register)
        .OrderBy(register => register.Key.ToString(), StringComparer.Ordinal)
        .SelectMany(register => OfRegister([.. register.OrderBy(each => each.From)])));

    private static IEnumerable<(string Serial, MeterInstalled Installed)> OfRegister(IReadOnlyList<RegisterInForce> all)
    {
        for (var i = 0; i < all.Count; i++)
        {
            Instant? until = i + 1 < all.Count ? all[i + 1].From : null;
            var (from, installed) = (all[i].From, all[i].Installed);
            if (until != from)
                yield return (installed.MeterSerial, new(installed.Register, from, from == all[0].From, until));
        }
    }

    /// <summary>The register that a meter counts at an instant; null where none. Of several at once it is the one where
    /// the meter was installed last.</summary>
    public RegisterId? At(string serial, Direction direction, Instant at)
    {
        MeterInstalled? found = null;
        foreach (var each in OfDirection(serial, direction).Where(each => each.Holds(at)))
        {
            var (isThere, wasThere) = (each.From <= at, found?.From <= at);
            if (found is null || (isThere ? !wasThere || each.From >= found.From : !wasThere && each.From < found.From))
                found = each;
        }
        return found?.Register;
    }

    /// <summary>The installation of a meter that ended last before an instant; null where none did.</summary>
    public MeterInstalled? EndedBefore(string serial, Direction direction, Instant at) =>
        OfDirection(serial, direction).Where(each => each.Until <= at).MaxBy(each => each.Until);

    /// <summary>Every register that a meter ever counts.</summary>
    public IEnumerable<RegisterId> Ever(string serial) =>
        bySerial.GetValueOrDefault(serial, []).Select(each => each.Register).Distinct();

    private IEnumerable<MeterInstalled> OfDirection(string serial, Direction direction) =>
        bySerial.GetValueOrDefault(serial, []).Where(each => each.Register.Direction == direction);
}
