"""The account types with their sub-types, as the Account page and the XSD list them (entities.md 3.5)."""

from __future__ import annotations

CLASSIFICATIONS = {
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Cost of Goods Sold": "Expense",
    "Expense": "Expense",
    "Other Income": "Revenue",
    "Other Expense": "Expense",
    "Non-Posting": "Expense",
}

# The first of each is the type's default.
_LISTED = {
    "Bank": """CashOnHand Checking MoneyMarket RentsHeldInTrust Savings TrustAccounts CashAndCashEquivalents
        OtherEarMarkedBankAccounts""",
    "Accounts Receivable": "AccountsReceivable",
    "Other Current Asset": """EmployeeCashAdvances AllowanceForBadDebts DevelopmentCosts OtherCurrentAssets Inventory
        Investment_MortgageRealEstateLoans Investment_Other Investment_TaxExemptSecurities
        Investment_USGovernmentObligations LoansToOfficers LoansToOthers LoansToStockholders PrepaidExpenses Retainage
        UndepositedFunds AssetsAvailableForSale BalWithGovtAuthorities CalledUpShareCapitalNotPaid
        ExpenditureAuthorisationsAndLettersOfCredit GlobalTaxDeferred GlobalTaxRefund InternalTransfers
        OtherConsumables ProvisionsCurrentAssets ShortTermInvestmentsInRelatedParties
        ShortTermLoansAndAdvancesToRelatedParties TradeAndOtherReceivables""",
    "Fixed Asset": """FurnitureAndFixtures AccumulatedDepletion AccumulatedDepreciation DepletableAssets
        FixedAssetComputers FixedAssetCopiers FixedAssetFurniture FixedAssetPhone FixedAssetPhotoVideo
        FixedAssetSoftware FixedAssetOtherToolsEquipment Land LeaseholdImprovements OtherFixedAssets
        AccumulatedAmortization Buildings IntangibleAssets MachineryAndEquipment Vehicles AssetsInCourseOfConstruction
        CapitalWip CumulativeDepreciationOnIntangibleAssets IntangibleAssetsUnderDevelopment LandAsset
        NonCurrentAssets ParticipatingInterests ProvisionsFixedAssets""",
    "Other Asset": """LeaseBuyout OtherLongTermAssets SecurityDeposits AccumulatedAmortizationOfOtherAssets Goodwill
        Licenses OrganizationalCosts AssetsHeldForSale AvailableForSaleFinancialAssets DeferredTax Investments
        LongTermInvestments LongTermLoansAndAdvancesToRelatedParties OtherIntangibleAssets
        OtherLongTermInvestments OtherLongTermLoansAndAdvances PrepaymentsAndAccruedIncome
        ProvisionsNonCurrentAssets""",
    "Accounts Payable": "AccountsPayable",
    "Credit Card": "CreditCard",
    "Other Current Liability": """DirectDepositPayable LineOfCredit LoanPayable GlobalTaxPayable GlobalTaxSuspense
        OtherCurrentLiabilities PayrollClearing PayrollTaxPayable PrepaidExpensesPayable RentsInTrustLiability
        TrustAccountsLiabilities FederalIncomeTaxPayable InsurancePayable SalesTaxPayable
        StateLocalIncomeTaxPayable AccruedLiabilities CurrentLiabilities CurrentPortionEmployeeBenefitsObligations
        CurrentPortionOfObligationsUnderFinanceLeases CurrentTaxLiability DividendsPayable DutiesAndTaxes
        InterestPayables ProvisionForWarrantyObligations ProvisionsCurrentLiabilities ShortTermBorrowings
        SocialSecurityAgencies StaffAndRelatedLiabilityAccounts SundryDebtorsAndCreditors TradeAndOtherPayables""",
    "Long Term Liability": """NotesPayable OtherLongTermLiabilities ShareholderNotesPayable
        AccrualsAndDeferredIncome AccruedLongLermLiabilities AccruedVacationPayable BankLoans
        DebtsRelatedToParticipatingInterests DeferredTaxLiabilities GovernmentAndOtherPublicAuthorities
        GroupAndAssociates LiabilitiesRelatedToAssetsHeldForSale LongTermBorrowings LongTermDebit
        LongTermEmployeeBenefitObligations ObligationsUnderFinanceLeases OtherLongTermProvisions
        ProvisionForLiabilities ProvisionsNonCurrentLiabilities StaffAndRelatedLongTermLiabilityAccounts""",
    "Equity": """OpeningBalanceEquity PartnersEquity RetainedEarnings AccumulatedAdjustment OwnersEquity
        PaidInCapitalOrSurplus PartnerContributions PartnerDistributions PreferredStock CommonStock TreasuryStock
        EstimatedTaxes Healthcare PersonalIncome PersonalExpense AccumulatedOtherComprehensiveIncome
        CalledUpShareCapital CapitalReserves DividendDisbursed EquityInEarningsOfSubsiduaries InvestmentGrants
        MoneyReceivedAgainstShareWarrants OtherFreeReserves ShareApplicationMoneyPendingAllotment ShareCapital
        Funds""",
    "Income": """SalesOfProductIncome NonProfitIncome OtherPrimaryIncome ServiceFeeIncome DiscountsRefundsGiven
        UnappliedCashPaymentIncome CashReceiptIncome OperatingGrants OtherCurrentOperatingIncome OwnWorkCapitalized
        RevenueGeneral SalesRetail SalesWholesale SavingsByTaxScheme""",
    "Cost of Goods Sold": """SuppliesMaterialsCogs EquipmentRentalCos OtherCostsOfServiceCos
        ShippingFreightDeliveryCos CostOfLaborCos CostOfSales FreightAndDeliveryCost""",
    "Expense": """Travel AdvertisingPromotional Auto BadDebts BankCharges CharitableContributions CommissionsAndFees
        CostOfLabor DuesSubscriptions Entertainment EntertainmentMeals EquipmentRental FinanceCosts GlobalTaxExpense
        Insurance InterestPaid LegalProfessionalFees OfficeExpenses OfficeGeneralAdministrativeExpenses
        OtherBusinessExpenses OtherMiscellaneousServiceCost PayrollExpenses PromotionalMeals RentOrLeaseOfBuildings
        RepairMaintenance ShippingFreightDelivery SuppliesMaterials TaxesPaid TravelMeals
        UnappliedCashBillPaymentExpense Utilities AmortizationExpense AppropriationsToDepreciation BorrowingCost
        DistributionCosts ExternalServices ExtraordinaryCharges IncomeTaxExpense LossOnDiscontinuedOperationsNetOfTax
        ManagementCompensation OtherCurrentOperatingCharges OtherExternalServices OtherRentalCosts
        OtherSellingExpenses ProjectStudiesSurveysAssessments PurchasesRebates ShippingAndDeliveryExpense StaffCosts
        Sundry TravelExpensesGeneralAndAdminExpenses TravelExpensesSellingExpense""",
    "Other Income": """DividendIncome InterestEarned OtherInvestmentIncome OtherMiscellaneousIncome TaxExemptInterest
        GainLossOnSaleOfFixedAssets GainLossOnSaleOfInvestments LossOnDisposalOfAssets OtherOperatingIncome
        UnrealisedLossOnSecuritiesNetOfTax""",
    "Other Expense": """OtherMiscellaneousExpense Depreciation ExchangeGainOrLoss PenaltiesSettlements Amortization
        GasAndFuel HomeOffice HomeOwnerRentalInsurance OtherHomeOfficeExpenses MortgageInterest RentAndLease
        RepairsAndMaintenance ParkingAndTolls Vehicle VehicleInsurance VehicleLease VehicleLoanInterest VehicleLoan
        VehicleRegistration VehicleRepairs OtherVehicleExpenses WashAndRoadServices DeferredTaxExpense
        ExceptionalItems ExtraordinaryItems IncomeTaxOtherExpense MatCredit PriorPeriodItems TaxRoundoffGainOrLoss""",
    "Non-Posting": "NonPosting",
}

SUB_TYPES = {kind: tuple(listed.split()) for kind, listed in _LISTED.items()}
DEFAULT_SUB_TYPES = {kind: sub_types[0] for kind, sub_types in SUB_TYPES.items()}
TYPE_OF = {sub_type: kind for kind, sub_types in SUB_TYPES.items() for sub_type in sub_types}

SPECIAL = frozenset({"UndepositedFunds", "OpeningBalanceEquity", "RetainedEarnings", "ExchangeGainOrLoss"})
"""Cannot have sub-accounts nor be one (entities.md 3.5)."""
