import { DEMO_TRIP_ID, type Expense } from '../wire/expense.ts'

const trip = { tripId: DEMO_TRIP_ID, currency: 'USD' }

/** What a fresh database holds. The ids are fixed, so that two versions of the service answer alike. */
export const SEED: readonly Expense[] = [
  {
    id: '3f1c2a70-5a0e-4c55-9d3b-0a7a6c1d0001',
    name: 'Train to the airport',
    cost: 12.4,
    date: '2026-03-02',
    reimbursable: true,
    ...trip,
  },
  {
    id: '3f1c2a70-5a0e-4c55-9d3b-0a7a6c1d0002',
    name: 'Flight',
    cost: 418.1,
    date: '2026-03-02',
    reimbursable: true,
    ...trip,
  },
  {
    id: '3f1c2a70-5a0e-4c55-9d3b-0a7a6c1d0003',
    name: 'Hotel, three nights',
    cost: 537,
    date: '2026-03-05',
    reimbursable: true,
    ...trip,
  },
  {
    id: '3f1c2a70-5a0e-4c55-9d3b-0a7a6c1d0004',
    name: 'Museum',
    cost: 18.5,
    date: '2026-03-04',
    reimbursable: false,
    ...trip,
  },
]
