using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The standing limits of a day as a reader asks for them: which records measure each of them, and what was in force
/// where one was exceeded.
/// </summary>
public static class LimitAnswers
{
    /// <summary>Every limit that held on a day, of all points or of one, against that day's interval records.</summary>
    public static IReadOnlyList<LimitAnswer> Limits(
        this Answers answers, LocalDate day, SettlementPointId? point = null)
    {
        var points = answers.Points();
        var orders = new Lazy<IReadOnlyList<CurtailmentCompliance.InstructionRow>>(answers.Instructions);
        return
        [
            .. from limits in answers.StandingLimits(point).GroupBy(limit => limit.Point)
               join place in points on limits.Key equals place.Point
               from answer in LimitCompliance.Of(place, day, [.. limits], Measured(answers, place, points, day))
               select answer with
               {
                   Periods = [.. answer.Periods.Select(period => WithCauses(answers, period, place, points, orders))],
               },
        ];
    }

    // A grid connection that nobody measured is the sum of what lies behind it.
    private static IReadOnlyList<IReadOnlyList<VerifiedExport.PeriodRow>> Measured(
        Answers answers, MasterData.PointRow place, IReadOnlyList<MasterData.PointRow> points, LocalDate day)
    {
        var own = answers.IntervalRecords(new(place.Point), day);
        if (own.Count > 0 || place.Kind != SettlementPointKind.GridConnection) return [own];
        return
        [
            .. points.Where(behind => behind.Station == place.Station
                && behind.Kind != SettlementPointKind.GridConnection)
                .Select(behind => answers.IntervalRecords(new(behind.Point), day)),
        ];
    }

    private static LimitCompliance.PeriodRow WithCauses(Answers answers,
        LimitCompliance.PeriodRow period, MasterData.PointRow place, IReadOnlyList<MasterData.PointRow> points,
        Lazy<IReadOnlyList<CurtailmentCompliance.InstructionRow>> orders)
    {
        if (period.Verdict != LimitVerdict.Above) return period;
        var behind = place.Kind == SettlementPointKind.GridConnection
            ? points.Where(point => point.Station == place.Station && point.Kind != SettlementPointKind.GridConnection)
            : points.Where(point => point.Point == place.Point);
        var calls = orders.Value.Where(order => order.Start < period.End && order.End > period.Start)
            .Select(order => new LimitCause.OpenCall(order, [.. answers.Instruction(new(order.Instruction))!.Targets
                .Where(target => points.Any(point => point.Point == target.Point && point.Station == place.Station))]))
            .Where(call => call.Targets.Count > 0).ToList();
        return period with
        {
            Causes = LimitCause.Of(period.Direction, period.Start, [.. behind.Select(Around)], calls),
        };

        LimitCause.Behind Around(MasterData.PointRow one)
        {
            var point = new SettlementPointId(one.Point);
            // The longest settlement period is an hour, and the one before the period counts too.
            var records = answers.RecordsFrom(point, new(period.Start - Duration.FromHours(2), period.End));
            var during = records.FirstOrDefault(record => record.Start <= period.Start && record.End >= period.End);
            return new(one, records.FirstOrDefault(record => record.End == during?.Start), during,
                answers.ChargingFacts(point, new(period.Start, period.End)));
        }
    }
}
