using Ledger.Domain;

namespace Ledger.Api.Exchange;

/// <summary>
/// In which decimal part of a watt-hour values are written (ESPI, powerOfTenMultiplier): the coarsest of Wh, mWh and
/// µWh in which every one of them is whole, or the finest in which the largest still fits 48 bits. Where they are not
/// whole, each is rounded half away from zero and what is left over is carried to the next, so that the sum of the
/// feed is the sum of the energies to less than one unit.
/// </summary>
public sealed class GreenButtonScale
{
    private const long ValueMax = 140_737_488_355_328; // Int48, 2^47
    private static readonly int[] Exponents = [0, -3, -6];

    private Energy largest = Energy.Zero;
    private int finestNeeded; // an index of Exponents; beyond the last where none suffices
    private Int128 carried;

    /// <summary>Whether a value was seen, so that there is something to write.</summary>
    public bool HasValues { get; private set; }

    /// <summary>Of ten: 0, -3 or -6.</summary>
    public int Exponent => Exponents[Place];

    public bool IsExact => finestNeeded <= Place;

    // What needs a finer unit than fits is written in the finest that does.
    private int Place => Enumerable.Range(0, Exponents.Length)
        .Last(place => place == 0 || (place <= finestNeeded && largest.HalfNanojoules / Unit(place) <= ValueMax));

    public void See(Energy energy)
    {
        HasValues = true;
        largest = Energy.Max(largest, energy);
        while (finestNeeded < Exponents.Length && energy.HalfNanojoules % Unit(finestNeeded) != 0) finestNeeded++;
    }

    /// <summary>The next value in units; call it in the order of time, once every value was seen.</summary>
    public long Next(Energy energy)
    {
        // What is nothing stays nothing, whatever was carried.
        if (energy == Energy.Zero) return 0;
        var unit = Unit(Place);
        var due = energy.HalfNanojoules + carried;
        var value = (due + (due < 0 ? -unit / 2 : unit / 2)) / unit;
        carried = due - (value * unit);
        return (long)value;
    }

    /// <summary>Half nanojoules in one unit.</summary>
    private static long Unit(int place) => place switch
    {
        0 => Energy.HalfNanojoulesPerWattHour,
        1 => Energy.HalfNanojoulesPerWattHour / 1_000,
        2 => Energy.HalfNanojoulesPerWattHour / 1_000_000,
        _ => 1,
    };
}
