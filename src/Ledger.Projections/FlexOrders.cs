using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// One settlement period of an order, in whole watts, each rounded half to even for itself. Consumption is above zero
/// and so is a change to more of it, production and a change to less consumption below: an order to curtail or to
/// export is below zero. The deficiency is what is missing of the order, and above zero.
/// </summary>
/// <param name="Number">Of the period in its settlement day, from 1.</param>
public sealed record FlexOrderPeriod(
    int Number, long BaselineWatts, long OrderedWatts, long ActualWatts, long DeliveredWatts, long DeficiencyWatts);

/// <summary>An instruction on one settlement day for what is paid together; <paramref name="Payment"/> and
/// <paramref name="Penalty"/> are those of its delivery.</summary>
public sealed record FlexOrder(
    InstructionId Instruction, ProgrammeId Programme, string Paid, LocalDate Day, string Baseline, decimal Payment,
    decimal Penalty, IReadOnlyList<FlexOrderPeriod> Periods);

/// <summary>What was held ready under a programme in a period of a day, and what was ordered of it, in watts of the
/// same sign.</summary>
public sealed record FlexContractPeriod(
    ProgrammeId Programme, LocalDate Day, int Number, long ReservedWatts, long OrderedWatts);

/// <summary>An order for which no money can be stated, and why.</summary>
public sealed record UnsettledFlexOrder(InstructionId Instruction, string Why);

/// <summary>
/// The orders that one party issued to another in a month and what they came to, as the message by which flexibility
/// is settled has them (Shapeshifter specification, FlexSettlement and settle phase). Amounts are those of the
/// delivery, whatever rule pack scored it.
/// </summary>
public sealed record FlexOrders(
    string? Currency, IReadOnlyList<FlexOrder> Orders, IReadOnlyList<FlexContractPeriod> Contracts,
    IReadOnlyList<UnsettledFlexOrder> Unsettled)
{
    /// <param name="answers">Of whoever asks: an order that is not reached is in no answer.</param>
    /// <param name="all">Of everything: which of several calls is paid does not hang on who asks.</param>
    /// <param name="payee">Whom the orders pay: the programme's payee, or the account of the points.</param>
    public static async Task<FlexOrders> OfAsync(IJournal journal, Answers answers, Answers all, PartyId issuer,
        PartyId payee, YearMonth month, long position, CancellationToken ct)
    {
        var gathering = new Gathering(new KnownFacts(journal, position, ct), payee, month);
        foreach (var row in answers.Instructions()
            .Where(order => order.IssuedBy == issuer.Value && order.Programme is not null
                && MayBegin(order.Start, month))
            .OrderBy(order => order.Start).ThenBy(order => order.Instruction, StringComparer.Ordinal))
        {
            var named = new InstructionId(row.Instruction);
            if (answers.Instruction(named) is not { } seen
                || await Deliveries.PaidAsync(journal, all, named, position, ct).ConfigureAwait(false)
                    is not { } found || found.WithdrawnAt <= found.Order.Period.Start) continue;
            await gathering.AddAsync(ReachedDelivery.Of(found, seen)).ConfigureAwait(false);
        }
        return gathering.Gathered();
    }

    // What begins more than a day outside begins in no zone within the month.
    private static bool MayBegin(Instant start, YearMonth month) => start.InUtc().Date is var day
        && day >= month.OnDayOfMonth(1).PlusDays(-1) && day <= month.PlusMonths(1).OnDayOfMonth(1);

    private sealed class Gathering(KnownFacts known, PartyId payee, YearMonth month)
    {
        private readonly List<FlexOrder> orders = [];
        private readonly List<UnsettledFlexOrder> unsettled = [];
        private readonly SortedDictionary<(ProgrammeId Programme, LocalDate Day, int Number),
            (Dictionary<SettlementPointId, decimal> ReadyKw, decimal OrderedKw)> contracts = [];
        /// <summary>By which periods a day of a contract is numbered.</summary>
        private readonly Dictionary<(ProgrammeId Programme, LocalDate Day), IReadOnlyList<Interval>> numbered = [];
        private readonly SortedSet<string> currencies = new(StringComparer.Ordinal);

        public FlexOrders Gathered() => new(currencies.Count == 1 ? currencies.Min : null, orders,
            [.. contracts.Select(each => new FlexContractPeriod(each.Key.Programme, each.Key.Day, each.Key.Number,
                -Watts(each.Value.ReadyKw.Values.Sum()), -Watts(each.Value.OrderedKw)))], unsettled);

        public async Task AddAsync(Delivered found)
        {
            var registered = new Dictionary<SettlementPointId, SettlementPointRegistered>();
            foreach (var target in found.Order.Targets)
                if (await BaselineCalculations.RegisteredAsync(known, target.Point, found.Order.Period)
                    .ConfigureAwait(false) is { } place) registered[target.Point] = place;
            var programme = found.Terms?.Programme ?? (await known.StateAsync(
                Streams.Programme(found.Order.Programme!.Value), ProgrammeState.Empty, Programmes.Evolve)
                .ConfigureAwait(false)).At(found.Order.IssuedAt);
            bool IsOurs(SettlementPointId point) => registered.TryGetValue(point, out var place)
                && (programme?.Payee ?? place.Owner) == payee && IsInMonth(found.Order.Period.Start, place.Zone);
            if (found.Terms is not { } terms)
            {
                if (found.Order.Targets.Any(target => IsOurs(target.Point)))
                    Leave(found, found.WhyNoTerms ?? "no terms");
                return;
            }
            foreach (var share in found.Shares.Where(share => IsOurs(share.Points[0])))
                if (WhyNot(share) is { } why) Leave(found, $"{share.Paid}: {why}");
                else await AddAsync(found, terms, share, registered).ConfigureAwait(false);
        }

        private void Leave(Delivered found, string why) => unsettled.Add(new(found.Order.Instruction, why));

        private bool IsInMonth(Instant start, string zone) =>
            SettlementCalendar.DayContaining(DateTimeZoneProviders.Tzdb[zone], start).ToYearMonth() == month;

        private static string? WhyNot(DeliveryShare share) =>
            share.Statement is not { } statement ? share.WhyNot ?? "not scored"
            : statement.Unproven.Count > 0 ? "a part of it is unproven"
            : share.Penalties is not null ? "penalties are given back, and the message has no place for them" : null;

        private async Task AddAsync(Delivered found, CallTerms terms, DeliveryShare share,
            IReadOnlyDictionary<SettlementPointId, SettlementPointRegistered> registered)
        {
            var place = registered[share.Points[0]];
            var zone = DateTimeZoneProviders.Tzdb[place.Zone];
            currencies.Add(terms.Programme.Currency);
            foreach (var day in found.Periods.Where(period => share.Points.Contains(period.Point))
                .GroupBy(period => SettlementCalendar.DayContaining(zone, period.Period.Start)).OrderBy(day => day.Key))
            {
                if (!SettlementCalendar.TryPeriods(zone, day.Key, place.PeriodMinutes, out var calendar, out _))
                    continue;
                if (!numbered.TryAdd((terms.Programme.Programme, day.Key), calendar)
                    && !numbered[(terms.Programme.Programme, day.Key)].SequenceEqual(calendar))
                {
                    Leave(found, $"{share.Paid}: the periods of {terms.Programme.Programme} on {RowJson.Day(day.Key)} "
                        + "would be of several lengths or zones, and one number would name two times");
                    continue;
                }
                var periods = new List<FlexOrderPeriod>();
                foreach (var together in day.GroupBy(period => period.Period).OrderBy(group => group.Key.Start))
                {
                    var number = calendar.ToList().IndexOf(together.Key) + 1;
                    var sum = PeriodOf(number, [.. together]);
                    periods.Add(sum.Period);
                    await ReserveAsync(terms.Programme.Programme, day.Key, number, together.Key, share.Points,
                        sum.OrderedKw).ConfigureAwait(false);
                }
                var lines = share.Statement!.Lines.Where(line =>
                    SettlementCalendar.DayContaining(zone, line.Covers.Start) == day.Key).ToList();
                orders.Add(new(found.Order.Instruction, terms.Programme.Programme, share.Paid, day.Key,
                    $"{terms.Baseline.Pack} v{terms.Baseline.Version.ToString(CultureInfo.InvariantCulture)}",
                    lines.Sum(line => line.Payment), lines.Sum(line => line.Penalty), periods));
            }
        }

        /// <summary>Settle phase: delivered = the response between zero and the order; the deficiency is what is
        /// missing of the order, and may exceed it.</summary>
        private static (FlexOrderPeriod Period, decimal OrderedKw) PeriodOf(
            int number, IReadOnlyList<DeliveredPeriod> points)
        {
            decimal Kw(Func<DeliveredPeriod, decimal> part) => points.Sum(part)
                * (NodaConstants.NanosecondsPerHour / points[0].Period.Duration.ToInt64Nanoseconds());
            var (baseline, actual, ordered, response) = (Kw(point => point.BaselineKwh!.Value),
                Kw(point => point.MeteredKwh!.Value), Kw(point => point.OrderedKwh!.Value),
                Kw(point => point.OwnKwh!.Value));
            return (new(number, Watts(baseline), -Watts(ordered), Watts(actual),
                -Watts(Math.Clamp(response, 0m, ordered)), Watts(Math.Max(0m, ordered - response))), ordered);
        }

        private async Task ReserveAsync(ProgrammeId programme, LocalDate day, int number, Interval period,
            IReadOnlyList<SettlementPointId> points, decimal orderedKw)
        {
            var (ready, before) = contracts.TryGetValue((programme, day, number), out var contract) ? contract
                : (new Dictionary<SettlementPointId, decimal>(), 0m);
            foreach (var point in points)
            {
                var state = await known.StateAsync(Streams.Enrolment(point), EnrolmentState.Empty, Enrolments.Evolve)
                    .ConfigureAwait(false);
                // Of two declarations for one time the later recorded one stands.
                ready[point] = state.Declared.LastOrDefault(each => each.Programme == programme
                    && each.Period.Start <= period.Start && each.Period.End >= period.End)?.Available.Kilowatts ?? 0m;
            }
            contracts[(programme, day, number)] = (ready, before + orderedKw);
        }

        private static long Watts(decimal kilowatts) => (long)Math.Round(kilowatts * 1000m, MidpointRounding.ToEven);
    }
}
