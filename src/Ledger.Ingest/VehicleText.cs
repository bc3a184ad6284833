using System.Text.Json;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// The member <c>vehicle</c> of a curve's line: <c>requestedA</c>, <c>requestedV</c>, <c>permittedA</c>,
/// <c>permittedV</c> with up to three decimals, <c>stateOfChargePercent</c> with one, <c>stopReason</c>; each where it
/// is known.
/// </summary>
internal static class VehicleText
{
    [Flags]
    private enum Member
    {
        None = 0, RequestedA = 1, RequestedV = 2, PermittedA = 4, PermittedV = 8, StateOfChargePercent = 16,
        StopReason = 32,
    }

    private static readonly (string Name, Member Member)[] Members =
    [
        ("requestedA", Member.RequestedA), ("requestedV", Member.RequestedV), ("permittedA", Member.PermittedA),
        ("permittedV", Member.PermittedV), ("stateOfChargePercent", Member.StateOfChargePercent),
        ("stopReason", Member.StopReason),
    ];

    private static readonly (string Name, ChargingStop Stop)[] Stops =
    [
        ("targetReached", ChargingStop.TargetReached), ("byDriver", ChargingStop.ByDriver),
        ("byVehicle", ChargingStop.ByVehicle), ("vehicleFault", ChargingStop.VehicleFault),
        ("chargerFault", ChargingStop.ChargerFault),
    ];

    public static VehicleWords Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new InputRefusedException(Rejection.Malformed, "vehicle", CurveNumbers.Shown(ref reader),
                "must be an object");
        var (seen, words) = (Member.None, default(VehicleWords));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (name, member) = MemberOf(ref reader);
            if ((seen & member) != 0)
                throw new InputRefusedException(Rejection.UnknownField, name, "", "is given twice");
            seen |= member;
            reader.Read();
            words = member switch
            {
                Member.RequestedA => words with
                {
                    RequestedMilliamperes = Thousandths(
                    ref reader, name, -Limits.VehicleMilliamperesMax, Limits.VehicleMilliamperesMax),
                },
                Member.RequestedV => words with
                {
                    RequestedMillivolts = Thousandths(ref reader, name, 0, Limits.VehicleMillivoltsMax),
                },
                Member.PermittedA => words with
                {
                    PermittedMilliamperes = Thousandths(
                    ref reader, name, -Limits.VehicleMilliamperesMax, Limits.VehicleMilliamperesMax),
                },
                Member.PermittedV => words with
                {
                    PermittedMillivolts = Thousandths(ref reader, name, 0, Limits.VehicleMillivoltsMax),
                },
                Member.StateOfChargePercent => words with
                {
                    StateOfChargePerMille = (int)CurveNumbers.Units(ref reader, name, 1, 0, ChargingState.Full),
                },
                _ => words with { Stop = Stop(ref reader) },
            };
        }
        return seen != Member.None ? words
            : throw new InputRefusedException(Rejection.EmptyInput, "vehicle", "{}", "must hold what the vehicle says");
    }

    private static (string Name, Member Member) MemberOf(ref Utf8JsonReader reader)
    {
        foreach (var known in Members)
            if (reader.ValueTextEquals(known.Name)) return ($"vehicle.{known.Name}", known.Member);
        throw new InputRefusedException(Rejection.UnknownField, $"vehicle.{CurveNumbers.Shown(ref reader)}", "",
            $"known here: {string.Join(", ", Members.Select(known => known.Name))}");
    }

    private static int Thousandths(ref Utf8JsonReader reader, string name, int least, int most) =>
        (int)CurveNumbers.Units(ref reader, name, 3, least, most);

    private static ChargingStop Stop(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
            foreach (var (name, stop) in Stops)
                if (reader.ValueTextEquals(name)) return stop;
        throw new InputRefusedException(Rejection.OutOfRange, "vehicle.stopReason", CurveNumbers.Shown(ref reader),
            $"must be one of {string.Join(", ", Stops.Select(known => known.Name))}");
    }
}
