using Ledger.Domain;
using static Ledger.Projections.ProgrammesView;

namespace Ledger.Cli.Listings;

/// <summary>What is planned at settlement points, and when they were out of service.</summary>
public static class PlanListings
{
    public static Listing Schedules(IEnumerable<ScheduleRow> schedules) => Listing.Of(schedules,
        new("point", "point", row => row.Point),
        new("start", "from", row => row.Start),
        new("periodMinutes", "minutes", row => row.PeriodMinutes),
        new(null, "periods", row => row.Energies.Count),
        new(null, "kWh", row => row.Energies.Aggregate(Energy.Zero, (sum, energy) => sum + energy)),
        new("kwh", null, row => row.Energies.Select(energy => Cell.Exact(energy)).ToList()),
        new("declaredAt", "declared at", row => row.DeclaredAt),
        new("declaredBy", "declared by", row => row.DeclaredBy));

    public static Listing Sessions(IEnumerable<SessionRow> sessions) => Listing.Of(sessions,
        new("point", "point", row => row.Point),
        new("arrival", "arrival", row => row.Arrival),
        new("departure", "departure", row => row.Departure),
        new("requestedKwh", "requested kWh", row => row.Requested),
        new("vehicleMaxKw", "vehicle kW", row => row.VehicleMaxMilliwatts is { } most ? new Power(most) : null),
        new("requestedAt", "requested at", row => row.RequestedAt),
        new("source", "source", row => row.Source));

    public static Listing Outages(IEnumerable<OutageRow> outages) => Listing.Of(outages,
        new("point", "point", row => row.Point),
        new("start", "from", row => row.Start),
        new("end", "to", row => row.End),
        new("source", "source", row => row.Source));
}
