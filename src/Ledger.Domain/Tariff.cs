using NodaTime;

namespace Ledger.Domain;

/// <summary>The five periods of a Chinese time-of-use tariff; other markets use a subset.</summary>
public enum TariffPeriod { SharpPeak = 1, Peak = 2, Flat = 3, Valley = 4, DeepValley = 5 }

/// <summary>A class of day: rules for a holiday come before those for a weekday class.</summary>
public enum DayClass { Weekday = 1, Weekend = 2, Holiday = 3 }

/// <summary>In these months, on these days, from one local time to another (half-open; <c>null</c> end is midnight), this period holds.</summary>
public sealed record TariffRule(
    IReadOnlyList<int> Months, IReadOnlyList<DayClass> Days, LocalTime From, LocalTime? To, TariffPeriod Period);

/// <summary>Price of one tariff period, per kWh, before tax; import and export apart.</summary>
public sealed record TariffPrice(TariffPeriod Period, decimal ImportPerKwh, decimal ExportPerKwh);

/// <summary>A version of a tariff, valid from its valid time. The first rule that matches wins.</summary>
public sealed record TariffPublished(
    TariffId Tariff, int Version, string Currency, string Zone, IReadOnlyList<TariffRule> Rules,
    IReadOnlyList<TariffPrice> Prices, IReadOnlyList<LocalDate> Holidays, int EnergyDecimals, int MoneyDecimals) : LedgerEvent;

/// <summary>A party's settlement points are priced by this tariff from the valid time on.</summary>
public sealed record TariffAssigned(PartyId Account, TariffId Tariff) : LedgerEvent;
