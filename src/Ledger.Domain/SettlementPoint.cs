using NodaTime;

namespace Ledger.Domain;

/// <summary>What kind of place a settlement point is.</summary>
public enum SettlementPointKind { GridConnection = 1, Connector = 2, Storage = 3, Photovoltaic = 4 }

/// <summary>Master data of a settlement point, valid from the fact's valid time until another fact replaces it.</summary>
public sealed record SettlementPointRegistered(
    SettlementPointId Point, StationId Station, SettlementPointKind Kind, PartyId Owner, string Zone,
    int PeriodMinutes, Power Rated, bool Bidirectional) : LedgerEvent;
